/** What `plimsoll diff` says of containers, against what the real Compose does to them. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { type Compose, diffCompose } from "../../generator/report/compose-diff.ts";
import { ensureBase } from "../../operator/engine/base.ts";
import { BASE_IMAGE } from "../../operator/engine/registry.ts";
import { localHost } from "../../operator/host/local.ts";
import { engineOrSkip } from "./engine.ts";

type Stack = Required<Pick<Compose, "name" | "services" | "networks" | "volumes">>;
type Change = (stack: Stack) => void;

const project = `plimsoll-diff-${process.pid}`;

function stackOf(...changes: (Change | undefined)[]): Stack {
  const service = () => ({
    image: BASE_IMAGE,
    command: ["sleep", "600"],
    init: true,
    stop_grace_period: "0s",
    networks: { n: null },
  });
  const stack: Stack = {
    name: project,
    services: { a: service(), b: service(), c: service() },
    networks: { n: { internal: true } },
    volumes: {},
  };
  for (const change of changes) change?.(stack);
  return stack;
}

const set =
  (name: string, words: Record<string, unknown>): Change =>
  ({ services }) => {
    services[name] = { ...services[name], ...words };
  };

/** Name, what changes, and what both stacks have. */
const CASES: [name: string, change: Change, before?: Change][] = [
  ["nothing", () => {}],
  ["a variable", set("a", { environment: { X: "1" } })],
  ["depends_on", set("a", { depends_on: { b: { condition: "service_started" } } })],
  ["build and pull_policy", set("a", { build: { context: "." }, pull_policy: "missing" })],
  [
    "the label of files",
    set("b", { labels: { "plimsoll.config": "2" } }),
    set("b", { labels: { "plimsoll.config": "1" } }),
  ],
  [
    "what others restart with",
    set("b", { environment: { X: "1" } }),
    set("a", { depends_on: { b: { condition: "service_started", restart: true } } }),
  ],
  [
    "what others only wait for",
    set("b", { environment: { X: "1" } }),
    set("a", { depends_on: { b: { condition: "service_started" } } }),
  ],
  [
    "whose network another shares",
    set("b", { environment: { X: "1" } }),
    ({ services }) => {
      const { networks: _, ...rest } = services.a as Record<string, unknown>;
      services.a = { ...rest, network_mode: "service:b" };
    },
  ],
  [
    "a network",
    ({ networks }) => {
      networks.n = { internal: false };
    },
  ],
  [
    "a service more and a service less",
    ({ services }) => {
      services.d = { ...services.c };
      delete services.c;
    },
  ],
  [
    "a healthcheck and a limit",
    (stack) => {
      set("a", { healthcheck: { test: ["CMD", "true"] } })(stack);
      set("b", { mem_limit: "64m" })(stack);
    },
  ],
  [
    "a volume",
    (stack) => {
      set("a", { volumes: [{ type: "volume", source: "v", target: "/v" }] })(stack);
      stack.volumes.v = null;
    },
  ],
];

const engine = await engineOrSkip();

describe.skipIf(!engine)("diff, against Compose itself", () => {
  let folder: string;
  const compose = (...args: string[]) =>
    execa("docker", ["compose", "-p", project, "-f", join(folder, "compose.yaml"), ...args]);

  beforeAll(async () => {
    if (engine) await ensureBase(engine, localHost(), () => {});
    folder = await mkdtemp(join(tmpdir(), "plimsoll-diff-"));
  });
  afterAll(async () => {
    await compose("down", "--remove-orphans", "--volumes", "--timeout", "0");
    await rm(folder, { recursive: true, force: true });
  });

  /** Id and time of start of each service's container. */
  async function up(stack: Stack): Promise<Map<string, { id: string; started: string }>> {
    await writeFile(join(folder, "compose.yaml"), stringify(stack));
    await compose("up", "-d");
    const { stdout: ids } = await compose("ps", "--all", "--quiet", "--orphans");
    const { stdout } = await execa("docker", ["container", "inspect", ...ids.trim().split("\n")]);
    type Container = { Id: string; State: { StartedAt: string }; Config: { Labels: Record<string, string> } };
    return new Map(
      (JSON.parse(stdout) as Container[]).map((container) => [
        container.Config.Labels["com.docker.compose.service"] as string,
        { id: container.Id, started: container.State.StartedAt },
      ]),
    );
  }

  test.each(CASES)("%s", async (_, change, prepare) => {
    const [before, after] = [stackOf(prepare), stackOf(prepare, change)];
    const [first, second] = [await up(before), await up(after)];
    const real: Record<string, string> = {};
    for (const name of new Set([...first.keys(), ...second.keys()])) {
      const [old, now] = [first.get(name), second.get(name)];
      if (!Object.hasOwn(after.services, name)) real[name] = "remove";
      else if (old === undefined) real[name] = "create";
      else if (old.id !== now?.id) real[name] = "recreate";
      else if (old.started !== now.started) real[name] = "restart";
    }
    const { services } = diffCompose(before, after, { label: "plimsoll.config", filesOf: () => [] });
    const said = services
      .filter(({ effect }) => effect !== "none")
      .map(({ service, effect }) => [service, effect]);
    expect(Object.fromEntries(said)).toEqual(real);
    await compose("down", "--remove-orphans", "--volumes", "--timeout", "0");
  });
});
