/** The programs that read what we write, over every environment of every stack: Compose's own parser, and a linter. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { generate } from "../../generator/index.ts";
import { environmentNames } from "../../generator/spec/core.ts";
import { findStacks } from "../../generator/stack.ts";
import { engineOrSkip } from "./engine.ts";

const engine = await engineOrSkip();
const stacks = await findStacks(resolve("stacks"));

const targets = stacks.flatMap((folder) =>
  environmentNames.flatMap((environment) =>
    (["official", "debian"] as const).map((images) => ({
      stack: basename(folder),
      folder,
      environment,
      images,
    })),
  ),
);

/** What fills the linter with noise: our order follows the budget's list, and long forms are meant. */
const LINT_OFF = {
  "no-build-and-image": 0,
  "no-version-field": 1,
  "require-project-name-field": 1,
  "require-quotes-in-ports": 0,
  "service-keys-order": 0,
  "services-alphabetical-order": 0,
  "service-dependencies-alphabetical-order": 0,
  "service-ports-alphabetical-order": 0,
  "top-level-properties-order": 0,
  "service-container-name-regex": 1,
  "no-unbound-port-interfaces": 0,
};

describe.skipIf(!engine).each(targets)("$stack, $environment, $images", ({ folder, environment, images }) => {
  let root: string;
  let generated: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "plimsoll-native-"));
    const words = parse(await readFile(join(folder, "stack.yaml"), "utf8")) as Record<string, unknown>;
    await writeFile(join(root, "stack.yaml"), stringify({ ...words, images }));
    const { folder: place, plan } = await generate({ stackFolder: root, environment });
    generated = place;
    // What a person supplies in production: Compose wants to see every env file.
    const secrets = join(root, "secrets", environment);
    await mkdir(secrets, { recursive: true });
    for (const secret of plan.secrets) {
      if ("supplied" in secret) await writeFile(join(secrets, secret.name), "supplied");
    }
    await generate({ stackFolder: root, environment }, { withSecrets: true });
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  it("is read by Compose as it was meant", async () => {
    const { stdout } = await execa(
      "docker",
      // With those that start only in a deploy.
      ["compose", "--profile", "*", "config", "--format", "json", "--no-path-resolution"],
      {
        cwd: generated,
      },
    );
    // What `config` prints is escaped once more, so that it can be read again.
    const read = JSON.parse(stdout.replaceAll("$$", "$")) as {
      services: Record<string, Record<string, unknown>>;
    };
    const { plan } = await generate({ stackFolder: root, environment });
    expect(Object.keys(read.services).sort()).toEqual(Object.keys(plan.services).sort());
    for (const [name, { compose }] of Object.entries(plan.services)) {
      const service = read.services[name] as Record<string, unknown>;
      expect(service.environment ?? {}, name).toMatchObject(compose.environment ?? {});
      expect(service.read_only ?? false, name).toBe(compose.read_only);
      expect(service.mem_limit, name).toBe(String(Number.parseInt(compose.mem_limit, 10) * 1024 ** 2));
      if (compose.healthcheck)
        expect(service.healthcheck, name).toMatchObject({ test: compose.healthcheck.test });
      if (Array.isArray(compose.command)) expect(service.command ?? [], name).toEqual(compose.command);
    }
  });

  it("passes dclint", async () => {
    const config = join(root, "dclint.json");
    await writeFile(config, JSON.stringify({ rules: LINT_OFF, quiet: false, debug: false, exclude: [] }));
    const lint = await execa(
      "node_modules/.bin/dclint",
      ["--config", config, "--max-warnings", "0", join(generated, "compose.yaml")],
      { reject: false },
    );
    expect(`${lint.stdout}\n${lint.stderr}`.trim(), dirname(generated)).toMatch(
      /^$|0 problems|no (errors|problems)/i,
    );
    expect(lint.exitCode).toBe(0);
  });
});

describe.skipIf(!engine)("every string a user can write", () => {
  it("is no syntax to Compose", async () => {
    const root = await mkdtemp(join(tmpdir(), "plimsoll-native-"));
    const nasty = {
      A: '"; x',
      B: "$(id)",
      C: "`id`",
      D: "$" + "{HOME}",
      E: "$HOME $$ $",
      F: "{{x}}",
      G: "'",
      H: "a: [",
      I: "#",
      J: "\\n",
      K: "%",
    };
    try {
      const api = { image: "a/b:1", environment: nasty, command: ["sh", "-c", "echo $HOME `id` {{x}}"] };
      const words = { name: "nasty", domain: "a.example.com", machine: "s-8vcpu-32gb-amd", api };
      await writeFile(join(root, "stack.yaml"), stringify(words));
      const { folder } = await generate({ stackFolder: root, environment: "local" });
      const { stdout } = await execa("docker", ["compose", "config", "--format", "json"], { cwd: folder });
      const read = JSON.parse(stdout.replaceAll("$$", "$"));
      expect(read.services["api-1"].environment).toMatchObject(nasty);
      expect(read.services["api-1"].command).toEqual(api.command);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});
