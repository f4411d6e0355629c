import { expect, test } from "vitest";
import { parse } from "yaml";
import { shortest, sourceOf } from "../../generator/testing/source.ts";
import { parseManifest } from "../../generator/write/manifest.ts";
import { fakeHost } from "../host/fake.ts";
import { remoteFolders, type Site } from "../site/site.ts";
import {
  differenceOf,
  makeCandidate,
  type ReleaseWords,
  readReleaseWords,
  writeReleaseWords,
} from "./candidate.ts";
import { type Look, parseLook } from "./look.ts";

const site = {
  ...remoteFolders("shop-production", "production"),
  host: fakeHost(() => undefined),
  environment: "production",
  project: "shop-production",
} as unknown as Site;

const stack = `${shortest.replace("s-4vcpu-8gb", "s-4vcpu-16gb-amd")}processes: { worker: { command: node worker.js } }\n`;

const candidate = (look: Look, words: ReleaseWords = {}, version = "v2", text = stack) =>
  makeCandidate({ site, source: sourceOf(text), look, words, version });

/** A host on which that release is current. */
function after(made: ReturnType<typeof candidate>): Look {
  return {
    ...parseLook("now 1\n"),
    current: made.version,
    plan: made.plan,
    manifest: parseManifest(made.files.find(({ path }) => path === "manifest.json")?.text),
    compose: made.files.find(({ path }) => path === "compose.yaml")?.text,
  };
}

const first = candidate(parseLook("now 1\n"), {}, "v1");

test("the same again is no change; the next version changes the application alone", () => {
  const same = differenceOf(candidate(after(first), {}, "v1"), after(first));
  expect([...same.changed, ...same.gone]).toEqual([]);
  const next = differenceOf(candidate(after(first)), after(first));
  expect(next.changed).toEqual(["compose.yaml"]);
  expect(next.restarts).toEqual([]);
});

test("an image that was named by command is nothing to a stack that builds its own", () => {
  const compose = (text: string) =>
    candidate(parseLook("now 1\n"), { image: "other/shop:2" }, "v1", text).files.find(
      ({ path }) => path === "compose.yaml",
    )?.text;
  expect(compose(stack)).toContain("image: other/shop:2");
  expect(compose(stack.replace(/^ {2}image: .*$/m, "  build: ./api"))).not.toContain("other/shop");
});

test("more servers and workers restart no database", () => {
  const look = after(first);
  const scaled = candidate(look, { scale: { api: 5, worker: 2 } });
  const { restarts, compose } = differenceOf(scaled, look);
  expect(restarts.map(({ service }) => service).filter((name) => name !== "logstash")).toEqual([]);
  expect(compose.services.filter(({ effect }) => effect === "create").map(({ service }) => service)).toEqual([
    "api-4",
    "api-5",
    "worker-2",
  ]);
  const memory = (name: string) => scaled.plan.budget.lines.find((line) => line.name === name)?.memory;
  expect(memory("api-5")).toBe(memory("api-1"));
});

test("a larger droplet is used", () => {
  const larger = candidate(after(first), {}, "v2", stack.replace("s-4vcpu-16gb-amd", "s-8vcpu-32gb-amd"));
  const memory = (of: typeof first) =>
    of.plan.budget.lines.find(({ name }) => name === "postgres-1")?.memory ?? 0;
  expect(memory(larger)).toBeGreaterThan(memory(first));
});

test("what is set by command is validated like the words of stack.yaml", () => {
  expect(() => candidate(after(first), { scale: { api: 0 } })).toThrow(/api\.servers/);
  expect(() => candidate(after(first), { scale: { wroker: 1 } })).toThrow(/processes/);
  const set = candidate(after(first), { config: { GREETING: "a $b" } });
  const { services } = parse(set.files.find(({ path }) => path === "compose.yaml")?.text ?? "");
  expect(services["api-1"].environment.GREETING).toBe("a $$b");
  expect(services["api-1"].environment.RELEASE).toBe("v2");
});

test("release.yaml is read as it was written, and nothing else is", () => {
  const words: ReleaseWords = {
    images: "debian",
    scale: { api: 5 },
    config: { A: "x: y", B: null },
    tag: "0123456789ab",
  };
  expect(readReleaseWords(writeReleaseWords(words))).toEqual(words);
  expect(() => readReleaseWords("scale: many")).toThrow(/cannot be read/);
});
