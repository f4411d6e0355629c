import { expect, test } from "vitest";
import type { Engine } from "../engine/find.ts";
import { fakeHost } from "../host/fake.ts";
import { explainBuild } from "./build-faults.ts";
import { chooseImages, imagesIn, parseStep } from "./images.ts";

type Setup = { registry?: boolean; local?: string[]; running?: string; asked?: "official" | "debian" };

async function choose({ registry, local = [], running, asked }: Setup) {
  const docker = {
    listContainers: async () =>
      running ? [{ Labels: { "com.docker.compose.project.working_dir": "/run" } }] : [],
    getImage: (name: string) => ({
      distribution: async () => {
        if (!registry) throw Object.assign(new Error("no such host"), { statusCode: 500 });
      },
      inspect: async () => {
        if (!local.includes(name)) throw new Error("no such image");
      },
    }),
  };
  const files: Record<string, string> = running
    ? { "/run/plan.json": JSON.stringify({ images: running }) }
    : {};
  const engine = { docker } as unknown as Engine;
  const choice = await chooseImages({
    host: fakeHost(() => undefined, { files }),
    engine,
    asked,
    needed: ["nginx:1", "redis:8"],
    project: "p",
  });
  return choice.images ?? "as stack.yaml says";
}

test.each<[string, Setup, string]>([
  ["a registry answers", { registry: true }, "as stack.yaml says"],
  ["none answers", {}, "debian"],
  ["none answers, but all images are here", { local: ["nginx:1", "redis:8"] }, "as stack.yaml says"],
  ["none answers, and one image is missing", { local: ["nginx:1"] }, "debian"],
  ["it was asked for", { asked: "official" }, "official"],
  ["a stack that runs keeps its kind", { registry: true, running: "debian" }, "debian"],
  ["but for an explicit wish", { registry: true, running: "debian", asked: "official" }, "official"],
])("%s", async (_, setup, expected) => expect(await choose(setup)).toBe(expected));

test("images of a Compose file, each once", () => {
  expect(
    imagesIn("services:\n  a: { image: x:1 }\n  b: { image: x:1, build: . }\n  c: { image: y:2 }\n"),
  ).toEqual(["x:1", "y:2"]);
});

test.each([
  ["#9 [postgres-1 3/7] RUN apt-get update", { names: ["postgres-1"], at: 3, of: 7 }],
  ["#9 [api-1 build  2/5] COPY . .", { names: ["api-1", "build"], at: 2, of: 5 }],
  ["#5 [2/4] RUN true", { names: [], at: 2, of: 4 }],
  ["#5 [internal] load build definition", undefined],
  ["#9 1.234 [1/2] some program's own output", undefined],
])("reads %s", (line, step) => expect(parseStep(line)).toEqual(step));

test("a failed build shows the step and the end of its output", () => {
  const output = [
    "#6 [redis-cache 2/3] RUN apt-get install -y nothing",
    "#6 0.897 E: Unable to locate package nothing",
    "#6 ERROR: process did not complete successfully: exit code: 100",
    "------",
    " > [redis-cache 2/3] RUN apt-get install -y nothing:",
    "0.897 E: Unable to locate package nothing",
    "------",
    "Dockerfile:2",
    "failed to solve: process did not complete successfully: exit code: 100",
  ].join("\n");
  const { message } = explainBuild(output);
  expect(message).toContain("at [redis-cache 2/3] RUN apt-get install -y nothing");
  expect(message).toMatch(/\nE: Unable to locate package nothing$/);
  expect(message).not.toContain("Dockerfile:2");
});
