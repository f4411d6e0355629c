/** The one bash script that makes a host ready: run over ssh by `host init`, carried by cloud-init. */
import { readOwn } from "../../generator/package.ts";
import { parseOsRelease } from "../engine/distribution.ts";
import { recipeFor } from "../engine/recipe.ts";
import { COMPOSE_MINIMUM, ENGINE_MINIMUM, formatVersion } from "../engine/version.ts";
import { quote } from "../host/quote.ts";
import { checkParameters, type MachineParameters } from "./parameters.ts";

export type ScriptOptions = {
  /** `ssh`: somebody is connected, and the doors take themselves back unless `confirm` says that they work. */
  origin: "ssh" | "cloud-init";
  dryRun?: boolean;
};

const PARTS = ["lib", "engine", "user", "kernel", "upkeep", "doors", "main"];

/** @throws Problem (2) for parameters that are none */
export function initScript(parameters: MachineParameters, { origin, dryRun = false }: ScriptOptions): string {
  const { user, packages, skip, open, keys } = checkParameters(parameters);
  const words: Record<string, string> = {
    DEPLOY_USER: user,
    PACKAGES: packages,
    SKIP: skip.join(" "),
    OPEN: open.join(" "),
    KEYS: keys.join("\n"),
    ORIGIN: origin,
    CONFIRM: origin === "ssh" ? "1" : "0",
    DRY_RUN: dryRun ? "1" : "0",
    ENGINE_MINIMUM: formatVersion(ENGINE_MINIMUM),
    COMPOSE_MINIMUM: formatVersion(COMPOSE_MINIMUM),
  };
  return [
    "#!/usr/bin/env bash",
    "# A Debian or Ubuntu host made ready for a stack: `plimsoll host init`. Safe to run again.",
    "set -euo pipefail",
    ...Object.entries(words).map(([name, value]) => `${name}=${quote(value)}`),
    "",
    ...PARTS.map((part) => readOwn(`operator/machine/init/${part}.bash`)).flatMap((text, index) =>
      // The recipes before the last part, which begins to act.
      index === PARTS.length - 1 ? [recipes(), text] : [text],
    ),
  ].join("\n");
}

const SUPPORTED = [
  ["debian", "bookworm"],
  ["debian", "trixie"],
  ["ubuntu", "jammy"],
  ["ubuntu", "noble"],
] as const;

/** operator/engine's own recipes as a bash function. */
function recipes(): string {
  const arms = SUPPORTED.flatMap(([id, codename]) => {
    const recipe = recipeFor(parseOsRelease(`ID=${id}\nVERSION_CODENAME=${codename}\n`));
    if (!recipe) return [];
    return [
      `    ${id}-${codename})`,
      ...recipe.files.map(({ path, text }) => `source_file ${quote(path)} <<'FILE'\n${text}FILE`),
      `PACKAGE_LIST=(${recipe.packages.map(quote).join(" ")})`,
      ";;",
    ];
  });
  return [
    "# The distribution's own packages, where they are new enough.",
    "distribution_packages() {",
    "  PACKAGE_LIST=()",
    '  case "$ID-$VERSION_CODENAME" in',
    ...arms,
    "  esac",
    "}",
    "",
  ].join("\n");
}

/** What a second login says when it has succeeded: the doors stay as they are. */
export const CONFIRM = `
systemctl stop plimsoll-init-undo.timer 2>/dev/null || true
rm -f /var/lib/plimsoll/undo.bash`;

/** What is said where it has not. */
export const TAKE_BACK = `
systemctl stop plimsoll-init-undo.timer 2>/dev/null || true
if [ -f /var/lib/plimsoll/undo.bash ]; then bash /var/lib/plimsoll/undo.bash; rm -f /var/lib/plimsoll/undo.bash; fi`;
