import { expect, test } from "vitest";
import { parse } from "yaml";
import { produce } from "../index.ts";
import { sourceOf } from "../testing/source.ts";
import { environmentNames } from "./core.ts";
import { droplets } from "./machine.ts";
import { type Answers, starter } from "./starter.ts";

const answers: Answers = {
  name: "shop",
  domain: "api.example.com",
  machine: "s-2vcpu-4gb",
  image: "ghcr.io/me/shop:1.0.0",
  port: 3000,
};

test.each([
  ["an image", answers],
  ["a build folder", { ...answers, image: undefined, build: "./api" }],
  ["a worker", { ...answers, worker: "node dist/worker.js" }],
  ["a worker with what YAML reads as syntax", { ...answers, worker: `sh -c 'a && b: {c}, "d" # e'` }],
  ["a machine with room for the Elastic stack", { ...answers, machine: "s-4vcpu-16gb-amd" }],
])("writes a stack.yaml of %s that generates everywhere", (_, given) => {
  const text = starter(given, "../../docs/stack.schema.json");
  const words = parse(text);
  expect(words.processes?.worker.command).toBe(given.worker);
  for (const environment of environmentNames) {
    const { plan } = produce(sourceOf(text), environment);
    expect(plan.services["api-2"]).toBeDefined();
    expect(plan.components.includes("elk")).toBe(given.machine !== "s-2vcpu-4gb");
  }
});

test("what it leaves to be filled in is right when it is: every comment becomes words that generate", () => {
  const text = starter(answers, "x").replace(
    /^( *)# (?=(?: {2})*(?:ready|environment|secrets|migrate|processes|environments|staging|[A-Z_]+:|worker|domain))/gm,
    "$1",
  );
  expect(parse(text)).toMatchObject({ api: { ready: "/ready", secrets: { MAIL_API_KEY: "supply" } } });
  expect(() => produce(sourceOf(text), "production")).not.toThrow();
});

test("every droplet that has room for it is one to start on", () => {
  for (const { slug } of droplets.filter(({ memory }) => memory >= 4 * 2 ** 30)) {
    expect(() => produce(sourceOf(starter({ ...answers, machine: slug }, "x")), "production")).not.toThrow();
  }
});
