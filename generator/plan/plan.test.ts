import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { produce } from "../index.ts";
import { environmentNames } from "../spec/core.ts";
import { InputError } from "../spec/fault.ts";
import { droplets } from "../spec/machine.ts";
import { shortest, sourceOf } from "../testing/source.ts";
import { portClashes } from "./check.ts";
import type { ComposeFile } from "./compose.ts";

const anySpec = fc
  .record({
    machine: fc.constantFrom(...droplets.map(({ slug }) => slug)),
    images: fc.constantFrom("official", "debian"),
    servers: fc.integer({ min: 1, max: 12 }),
    port: fc.integer({ min: 3000, max: 9000 }),
    pool: fc.integer({ min: 1, max: 40 }),
    workers: fc.integer({ min: 0, max: 4 }),
    logging: fc.boolean(),
    monitoring: fc.boolean(),
    metrics: fc.boolean(),
  })
  .map((pick) => ({
    name: "any",
    domain: "any.example.com",
    machine: pick.machine,
    backup: { lost_with_machine: "accepted" },
    images: pick.images,
    api: {
      image: "example.com/any:1",
      servers: pick.servers,
      port: pick.port,
      pool: { min: 1, max: pick.pool },
      ...(pick.metrics && { metrics_port: pick.port + 100 }),
    },
    processes: { worker: { command: "node worker.js", count: pick.workers } },
    ...(!pick.logging && { logging: false }),
    ...(!pick.monitoring && { monitoring: false }),
  }));

const filesOf = (stack: string, environment: (typeof environmentNames)[number]) =>
  produce(sourceOf(stack), environment);

it("fits any valid stack on any droplet, or refuses it: sums, references and ports hold, bytes are the same twice", () => {
  let planned = 0;
  fc.assert(
    fc.property(anySpec, fc.constantFrom(...environmentNames), (spec, environment) => {
      const text = stringify(spec);
      let produced: ReturnType<typeof produce>;
      try {
        produced = filesOf(text, environment);
      } catch (error) {
        // References that do not resolve are thrown as plain errors: those fail here.
        expect(error).toBeInstanceOf(InputError);
        expect((error as Error).message).toMatch(/does not fit|not large enough|port/);
        return;
      }
      planned += 1;
      const { plan, files } = produced;
      const { budget } = plan;
      const sum = (pick: (line: (typeof budget.lines)[number]) => number) =>
        budget.lines.reduce((total, line) => total + pick(line), 0);
      expect(sum((line) => line.memory)).toBeLessThanOrEqual(budget.machine.memory - budget.memory.host);
      const disks = sum((line) => Object.values(line.disk).reduce((total, bytes) => total + bytes, 0));
      expect(disks).toBeLessThanOrEqual(budget.machine.disk - budget.disk.host);
      expect(budget.lines.every((line) => line.cpus <= budget.machine.cpus)).toBe(true);
      const compose = parse(
        files.find((file) => file.path === "compose.yaml")?.text as string,
      ) as ComposeFile;
      expect(portClashes(compose.services)).toEqual([]);
      const limits = Object.values(compose.services).reduce(
        (total, service) => total + Number.parseInt(service.mem_limit, 10),
        0,
      );
      expect(limits * 1024 ** 2).toBeLessThanOrEqual(budget.machine.memory - budget.memory.host);
      const again = filesOf(text, environment);
      expect(again.files).toEqual(files);
    }),
    { numRuns: 150 },
  );
  expect(planned).toBeGreaterThan(20);
});

it("needs six lines, which are README's first", () => {
  const [, first] = /## Your own stack\n\n```yaml\n([^`]*)```/.exec(readFileSync("README.md", "utf8")) ?? [];
  expect(parse(first as string)).toEqual(parse(shortest));
  expect(shortest.trim().split("\n")).toHaveLength(6);
  for (const environment of environmentNames) expect(() => filesOf(shortest, environment)).not.toThrow();
});
