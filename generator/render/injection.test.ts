import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { produce } from "../index.ts";
import { packageRoot } from "../package.ts";
import { InputError } from "../spec/fault.ts";
import { sourceOf } from "../testing/source.ts";

/** What is syntax to nginx, shells, SQL, YAML, Handlebars, Compose, PromQL or Go templates. */
const nasty = [
  '"; return 200 "owned',
  "$(touch /tmp/owned)",
  "`id`",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is what is tried
  "${HOME}",
  "$HOME",
  "{{this}}",
  "{{ $labels.instance }}",
  "'; DROP TABLE users; --",
  "%{pwned}",
  "../../etc/passwd",
  "a: [b",
  "# comment",
  "\\",
  "&a *b !c",
];

type Words = Record<string, unknown>;
const fkod = parse(readFileSync(join(packageRoot, "stacks/fkod/stack.yaml"), "utf8")) as Words;

function leaves(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value === "string") return [path];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function changed(path: readonly (string | number)[], value: string): Words {
  const copy = structuredClone(fkod);
  let target: Words = copy;
  for (const step of path.slice(0, -1)) target = target[step] as Words;
  target[path.at(-1) as string] = value;
  return copy;
}

/** As Compose reads a value: `$$` is `$`; a `$` alone would be read as a variable. */
function interpolate(text: string): string {
  expect(text.replaceAll("$$", ""), text).not.toMatch(/\$(?!\{NODE_EXTRA_CA_CERTS:-\/dev\/null\})/);
  return text.replaceAll("$$", "$");
}

const strings = (value: unknown): string[] =>
  typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
      ? Object.values(value).flatMap(strings)
      : [];

/** Files where a user's free text may stand: as a value of YAML or JSON, or quoted. */
const carriers = new Set(["compose.yaml", "plan.json", "frontend/.env.production"]);

const baseline = new Map(
  produce(sourceOf(stringify(fkod)), "production").files.map((file) => [file.path, file.text]),
);
const paths = leaves(fkod).filter(([first]) => first !== "environments");

it.each(paths.map((path) => [path.join("."), path] as const))("%s is never read as syntax", (_, path) => {
  for (const text of nasty) {
    let files: ReturnType<typeof produce>["files"];
    try {
      files = produce(sourceOf(stringify(changed(path, text))), "production").files;
    } catch (error) {
      expect(error).toBeInstanceOf(InputError);
      continue;
    }
    for (const file of files) {
      if (carriers.has(file.path)) continue;
      const before = baseline.get(file.path) ?? "";
      expect(file.text.split(text).length, `${text} in ${file.path}`).toBe(before.split(text).length);
    }
    const compose = parse(files.find((file) => file.path === "compose.yaml")?.text as string);
    const values = strings(compose).map(interpolate);
    const frontend = files.find((file) => file.path === "frontend/.env.production")?.text ?? "";
    const plan = strings(JSON.parse(files.find((file) => file.path === "plan.json")?.text as string));
    // That Vite reads it as it was written is api/frontend.test.ts's to prove.
    const inFrontend = frontend.includes(text.replaceAll("$", "\\$"));
    expect([...values, ...plan].includes(text) || inFrontend, text).toBe(true);
  }
});
