import { expect, it } from "vitest";
import { parse } from "yaml";
import { produce } from "../index.ts";
import { InputError } from "../spec/fault.ts";
import { shortest, sourceOf } from "../testing/source.ts";
import type { ComposeFile } from "./compose.ts";
import { mergeCompose } from "./overrides.ts";

function composeWith(overrides?: string): ComposeFile {
  const { files } = produce(sourceOf(shortest, overrides), "production");
  return parse(files.find((file) => file.path === "compose.yaml")?.text as string) as ComposeFile;
}

it("is merged last", () => {
  const compose = composeWith("services: { api-1: { environment: { DEBUG: a$b }, cpu_shares: 512 } }");
  expect(compose.services["api-1"]).toMatchObject({
    cpu_shares: 512,
    environment: { DEBUG: "a$b", PORT: "5000" },
  });
});

it("keeps a container from swapping where its memory limit changes", () => {
  const compose = composeWith("services: { api-1: { mem_limit: 100m } }");
  expect(compose.services["api-1"]).toMatchObject({ mem_limit: "100m", memswap_limit: "100m" });
});

it("may add a service that says how much it uses", () => {
  const compose = composeWith("services: { adminer: { image: 'adminer:5', mem_limit: 64m } }");
  expect(compose.services.adminer).toEqual({ image: "adminer:5", mem_limit: "64m", memswap_limit: "64m" });
});

it("merges lists as Compose does: appended, replaced, or told apart by a key", () => {
  expect(mergeCompose({ cap_add: ["A"] }, { cap_add: ["B", "A"] })).toEqual({ cap_add: ["B", "A"] });
  expect(mergeCompose({ command: ["a", "b"] }, { command: ["c"] })).toEqual({ command: ["c"] });
  expect(
    mergeCompose(
      { ports: [{ target: 80, published: "1" }, { target: 81 }] },
      { ports: [{ target: 80, published: "2" }] },
    ),
  ).toEqual({ ports: [{ target: 81 }, { target: 80, published: "2" }] });
});

it.each([
  ["a text", "hello", /expected a Compose file, found "hello"/],
  [
    "an unknown key",
    "servces: {}",
    /servces cannot be overridden; did you mean services|servces: cannot be overridden; did you mean services/,
  ],
  ["the name", "name: other", /name: cannot be overridden/],
  [
    "a misspelt service",
    "services: { api-l: { cpu_shares: 1 } }",
    /overrides\.yaml:1:\d+ services\.api-l: .*did you mean api-1/,
  ],
  ["a new service without an image", "services: { completely-new: { mem_limit: 64m } }", /without an image/],
  ["a new service without a limit", "services: { adminer: { image: 'adminer:5' } }", /without mem_limit/],
  ["a limit that is none", "services: { api-1: { mem_limit: lots } }", /expected a size such as 512MB/],
  ["more memory than there is", "services: { api-1: { mem_limit: 64g } }", /raises the memory limits to/],
  ["a privileged container", "services: { api-1: { privileged: true } }", /owns the host/],
  ["Docker's socket", "services: { api-1: { volumes: ['/var/run/docker.sock:/x'] } }", /owns the host/],
])("refuses %s", (_, text, expected) => {
  expect(() => composeWith(text)).toThrow(InputError);
  expect(() => composeWith(text)).toThrow(expected);
});
