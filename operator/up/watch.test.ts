import { expect, test } from "vitest";
import type { Outcome } from "../host/host.ts";
import type { Progress } from "./progress.ts";
import { plainProgress } from "./progress.ts";
import type { Project } from "./project.ts";
import { watchUntilReady } from "./watch.ts";

type State = {
  id?: string;
  status?: string;
  health?: string;
  exitCode?: number;
  restarts?: number;
  age?: number;
};

/** A project whose containers pass through the given states, one for each look. */
function project(
  looks: readonly Readonly<Record<string, State>>[],
  oneShots: readonly string[] = [],
): Project {
  let at = -1;
  const began = Date.now();
  const current = () => looks[Math.min(at, looks.length - 1)] ?? {};
  const docker = {
    getEvents: async () => Promise.reject(new Error("none")),
    async listContainers() {
      at += 1;
      return Object.entries(current()).map(([service, { id }]) => ({
        Id: `${service}/${id ?? "1"}`,
        Labels: { "com.docker.compose.service": service },
      }));
    },
    getContainer: (id: string) => ({
      async inspect() {
        const state = current()[id.split("/")[0] as string] as State;
        return {
          RestartCount: state.restarts ?? 0,
          State: {
            Status: state.status ?? "running",
            ExitCode: state.exitCode ?? 0,
            OOMKilled: false,
            StartedAt: new Date(began + 50 - (state.age ?? 0)).toISOString(),
            ...(state.health && { Health: { Status: state.health, Log: [] } }),
          },
        };
      },
    }),
  };
  const names = new Set(looks.flatMap((look) => Object.keys(look)));
  const services = Object.fromEntries(
    [...names].map((name) => [
      name,
      { one_shot: oneShots.includes(name), healthcheck: !oneShots.includes(name) },
    ]),
  );
  return { name: "p", plan: { services }, engine: { docker } } as unknown as Project;
}

const after = (milliseconds: number, exitCode = 0, stderr = "") =>
  new Promise<Outcome>((done) => setTimeout(() => done({ exitCode, stdout: "", stderr }), milliseconds));

function watch(
  subject: Project,
  starting: Promise<Outcome>,
  more: { timeout?: number; progress?: Progress } = {},
) {
  const progress = more.progress ?? plainProgress(() => undefined);
  return watchUntilReady(subject, starting, { timeout: more.timeout ?? 10, progress });
}

test("arrives when every server is healthy and every job is done", async () => {
  const lines: string[] = [];
  const looks = [
    { db: { health: "starting" }, job: {} },
    { db: { health: "healthy" }, job: { status: "exited" } },
  ];
  const seen = await watch(project(looks, ["job"]), after(10), {
    progress: plainProgress((line) => lines.push(line)),
  });
  expect(seen).toMatchObject({ kind: "arrived", services: { db: { how: "healthy" }, job: { how: "done" } } });
  expect(lines.join("\n")).toMatch(/db {2}starting\n.*job {2}running\nok {3}db {2}healthy in/);
});

test("a container that Compose is about to replace decides nothing", async () => {
  const looks = [
    { db: { health: "unhealthy", age: 60_000 } },
    { db: { status: "exited", exitCode: 137, age: 60_000 } },
    { db: { id: "2", health: "healthy" } },
  ];
  expect(await watch(project(looks), after(1_900))).toMatchObject({ kind: "arrived" });
});

test("restarts of last month are no loop; five since we look are, even while Compose waits", async () => {
  const old = { health: "healthy", restarts: 9, age: 60_000 };
  expect(await watch(project([{ db: old }]), after(10))).toMatchObject({ kind: "arrived" });
  const looks = [{ db: { status: "restarting", restarts: 5, exitCode: 1 } }];
  expect(await watch(project(looks), new Promise(() => undefined))).toMatchObject({
    kind: "failed",
    failures: [{ service: "db", why: expect.stringContaining("again and again") }],
  });
});

test("where Compose gives up, the one that is being started again is named", async () => {
  const looks = [{ db: { status: "restarting", restarts: 1, exitCode: 5 }, api: { status: "created" } }];
  expect(await watch(project(looks), after(10, 1, "dependency failed"))).toMatchObject({
    kind: "failed",
    said: "dependency failed",
    failures: [{ service: "db", why: "ended with exit code 5 and is being started again" }],
  });
});

test("what is not there in time is named with what it was at", async () => {
  const seen = await watch(project([{ db: { health: "starting" } }]), after(10), { timeout: 0.5 });
  expect(seen).toMatchObject({ failures: [{ service: "db", why: "is still not healthy after 0.5 s" }] });
});
