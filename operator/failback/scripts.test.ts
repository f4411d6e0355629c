/** The scripts of a failback against an engine that is played: what is stopped, what is written down, and the way back. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readOwn } from "../../generator/package.ts";
import { eachInItsFolder } from "../../generator/testing/folder.ts";
import { localHost } from "../host/local.ts";
import type { Site } from "../site/site.ts";
import { guardFailback } from "./guard.ts";
import { parseNote } from "./note.ts";
import { failbackScript } from "./script.ts";

const folder = eachInItsFolder();

/**
 * Each service is a container id-SERVICE. Files in WORLD are what is: `stopped-SERVICE`, `fenced-NODE`, `maintenance`;
 * and what fails: `dirty` (the primary is killed in its shutdown), `unarchived`, `nofiles` (their backup fails).
 */
const DOCKER = `#!/bin/bash
words=$*
printf '%s\\n' "\${words//$'\\n'/ }" >>"$WORLD/calls"
is() { [[ -e $WORLD/$1 ]]; }
each() { for id in "$@"; do [[ $id != id-* ]] || printf '%s\\n' "\${id#id-}"; done; }
service=$(grep -oE 'service=[a-z0-9-]+' <<<"$*" | head -n 1); service=\${service#service=}
node=$(grep -oE 'id-[a-z0-9-]+' <<<"$*" | head -n 1); node=\${node#id-}
case "$1 $2 $*" in
  "ps "*oneoff=True*) exit 0 ;;
  "ps -q"*volume=shop_redis*) echo id-redis; echo id-backup-files ;;
  "ps "*) [[ -z $service ]] || echo "id-$service" ;;
  "container inspect"*PGDATA* | "container inspect"*Config.Env*) echo PGDATA=/data ;;
  "container inspect"*compose.service*) echo "$node" ;;
  "container inspect"*State.Health*) if is "stopped-$node"; then echo exited; else echo running healthy; fi ;;
  "container inspect"*State.Status*) if is "stopped-$node"; then echo exited; else echo running; fi ;;
  "container inspect"*) echo sha256:image ;;
  "cp id-"*fenced*) is "fenced-$node" ;;
  "cp id-"*) exit 0 ;;
  "cp "*fenced) touch "$WORLD/fenced-$node" ;;
  "stop "*) for name in $(each "$@"); do touch "$WORLD/stopped-$name"; done ;;
  "start "*) for name in $(each "$@"); do rm -f "$WORLD/stopped-$name"; done ;;
  "run "*"--entrypoint rm"*) rm -f "$WORLD/fenced-$node" ;;
  "run "*pg_controldata*) printf 'Database cluster state:  %s\\nLatest checkpoint location:  %s\\nLatest checkpoint'"'"'s TimeLineID:  3\\n' \\
    "$(is dirty && echo in production || echo shut down)" "$(cat "$WORLD/lsn")" ;;
  "run "*archive_status*) ! is unarchived || echo a.ready ;;
  "exec -i"*id-nginx*) cat >"$WORLD/maintenance" ;;
  *pg_is_in_recovery*) is stopped-postgres-1 && exit 1; echo f ;;
  "exec id-backup-files"*failback.pid*now*) ! is nofiles ;;
  *pg_walfile_name*) echo 000000030000000000000004 ;;
  *last_archived_wal*) echo t ;;
  *PLIMSOLL_REPOSITORIES*) echo 1 ;;
  *repo-ls*) echo 18-1/00000004.history ;;
  *repo-get*) echo '3 0/5000000 no' ;;
  "run "*) cat >/dev/null; exit 0 ;;
esac
`;

const world = () => join(folder.path, "world");
const state = () => join(folder.path, "state");
const is = (fact: string) => existsSync(join(world(), fact));
const calls = () => readFileSync(join(world(), "calls"), "utf8");
const note = () => readFileSync(join(state(), "failback"), "utf8");

afterEach(() => void vi.useRealTimers());
beforeEach(() => {
  mkdirSync(world());
  mkdirSync(state());
  writeFileSync(join(world(), "docker"), DOCKER);
  chmodSync(join(world(), "docker"), 0o755);
  writeFileSync(join(world(), "lsn"), "1/28\n");
});

async function run(part: "close" | "mark" | "reopen" | "wipe", args: readonly string[], ...facts: string[]) {
  for (const fact of facts) writeFileSync(join(world(), fact), "");
  // A bundle is other tests' thing.
  const text = failbackScript(part).replace(
    readOwn("operator/failback/lib.bash"),
    (lib) => `bundle_make() { echo 20261128T120000Z.tar.age; }\n${lib}`,
  );
  return await localHost().script(text.replace("ARCHIVE=60", "ARCHIVE=1"), [state(), "shop", ...args], {
    environment: { WORLD: world(), PATH: `${world()}:${process.env.PATH}` },
  });
}

const CLOSE = [
  ...[
    "/live",
    "/secrets",
    "shop",
    "production",
    "deploy@new",
    "ana",
    "api",
    "10",
    "postgres-1",
    "postgres-2",
  ],
  ...["api-1", "api-2", "worker-1", "--", "sessions=redis"],
];

describe("the old site", () => {
  it("is closed: a page first, then whoever writes, then the database, and where its log ends is written down", async () => {
    const { exitCode, stderr } = await run("close", CLOSE);
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
    // 1/28: the segment before is of the file before.
    expect(parseNote(note())).toMatchObject({ phase: "closed", end: { timeline: 3, lsn: "1/0" } });
    expect(calls()).toContain("0000000300000000000000FF");
    for (const name of ["api-1", "api-2", "worker-1", "redis", "postgres-1", "postgres-2"])
      expect(is(`stopped-${name}`), name).toBe(true);
    for (const name of ["nginx", "backup-files", "backup-postgres"])
      expect(is(`stopped-${name}`)).toBe(false);
    // Of what was named, by the name of its backup.
    expect(calls()).toMatch(
      /^exec id-backup-files .* plimsoll-backup-files now "\$\{@:2\}" - 600 sessions$/m,
    );
    expect(is("fenced-postgres-1") && is("fenced-postgres-2")).toBe(true);
    const order = [
      "/control/api",
      "stop --time 10 id-api-1",
      "stop --time 60",
      "stop --time 120 id-postgres-1",
    ];
    const places = order.map((words) => calls().indexOf(words));
    expect(places.every((at, index) => at >= 0 && at >= (places[index - 1] ?? 0))).toBe(true);
    expect(readFileSync(join(world(), "maintenance"), "utf8")).toBe('{"maintenance":true}');
  });

  it("serves again where the end of its log does not come into the bucket, where it was killed, and without its files", async () => {
    for (const [fact, message] of [
      ["unarchived", /is not in the bucket after/],
      ["dirty", /did not end in peace/],
      ["nofiles", /the backup of files failed/],
    ] as const) {
      const { exitCode, stderr, stdout } = await run("close", CLOSE, fact);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(message);
      expect(stdout).toContain("note given back");
      for (const name of ["api-1", "worker-1", "redis", "postgres-1", "postgres-2"])
        expect(is(`stopped-${name}`), name).toBe(false);
      expect(is("fenced-postgres-1") || is("fenced-postgres-2")).toBe(false);
      expect(readFileSync(join(world(), "maintenance"), "utf8")).toBe('{"maintenance":false}');
      expect(existsSync(join(state(), "failback"))).toBe(false);
      spawnSync("rm", [join(world(), fact)]);
    }
  });

  it("is not believed where something stands between the last segment and its end", async () => {
    writeFileSync(join(world(), "lsn"), "0/5000160\n");
    const { exitCode, stderr } = await run("close", CLOSE);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/does not begin a segment/);
  });

  it("goes on where it was cut short with the database fenced already, with the page's begin of then", async () => {
    writeFileSync(
      join(state(), "failback"),
      "closing\ndeploy@new\nana\n1795000000000000\n-\n20261128T110000Z.tar.age\nredis api-1 \n-\npostgres-1 postgres-2\n",
    );
    const { exitCode, stderr } = await run(
      "close",
      CLOSE,
      "fenced-postgres-1",
      "stopped-postgres-1",
      "stopped-api-1",
    );
    expect(exitCode, stderr).toBe(0);
    expect(parseNote(note())).toMatchObject({
      phase: "closed",
      began: 1795000000000,
      bundle: "20261128T110000Z.tar.age",
    });
    expect(note().split("\n")[6]?.trim().split(" ").sort()).toEqual(["api-1", "api-2", "redis", "worker-1"]);
  });

  it("is opened again on a timeline above all of the bucket's once the new host may have begun one", async () => {
    await run("close", CLOSE);
    expect((await run("mark", ["away"])).exitCode).toBe(0);
    const { exitCode, stderr, stdout } = await run("reopen", ["api"]);
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^seconds \d+\.\d{3}$/m);
    expect(calls()).toContain("/data/pg_wal/00000004.history");
    expect(calls()).toContain("recovery_target_timeline=current");
    expect(is("stopped-postgres-1") || is("fenced-postgres-1")).toBe(false);
    expect(existsSync(join(state(), "failback"))).toBe(false);
  });

  it("is opened as it was before that, and never once the new site serves", async () => {
    await run("close", CLOSE);
    expect((await run("reopen", ["api"])).exitCode).toBe(0);
    expect(calls()).not.toContain("recovery_target_timeline");
    await run("close", CLOSE);
    expect((await run("mark", ["gone"])).exitCode).toBe(1);
    await run("mark", ["away"]);
    expect((await run("mark", ["gone"])).exitCode).toBe(0);
    const { exitCode, stderr } = await run("reopen", ["api"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/deploy@new serves/);
  });
});

it("takes nothing away from a new host that serves, or has another's", async () => {
  const root = join(folder.path, "root");
  mkdirSync(root);
  writeFileSync(join(root, "kept"), "");
  writeFileSync(join(state(), "recovery.json"), '{"bundle":"other.tar.age"}');
  expect((await run("wipe", [root, "20261128T120000Z.tar.age"])).exitCode).toBe(77);
  writeFileSync(join(state(), "current"), "v2\n");
  expect((await run("wipe", [root, "20261128T120000Z.tar.age"])).exitCode).toBe(76);
  expect(existsSync(join(root, "kept"))).toBe(true);
});

it("leaves a copy that is kept warm, where nothing was begun beside it", async () => {
  const root = join(folder.path, "root");
  mkdirSync(root);
  writeFileSync(join(root, "kept"), "");
  writeFileSync(join(state(), "follow.json"), "{}");
  const { exitCode, stdout } = await run("wipe", [root, "20261128T120000Z.tar.age"]);
  expect([exitCode, stdout]).toEqual([
    0,
    "note this host is kept warm, and nothing was begun on it: its copy stays",
  ]);
  expect(existsSync(join(world(), "calls"))).toBe(false);
  expect(existsSync(join(root, "kept"))).toBe(true);
  // Cut short between the two: the activation was begun.
  writeFileSync(join(state(), "recovery.json"), '{"bundle":"20261128T120000Z.tar.age"}');
  expect((await run("wipe", [root, "20261128T120000Z.tar.age"])).stdout).toMatch(/is taken away/);
  expect(existsSync(join(root, "kept"))).toBe(false);
});

describe("the guard", () => {
  /** @param every seconds between two signs of life; none if absent */
  async function held(every?: number): Promise<number> {
    const input = new PassThrough();
    const timer = every ? setInterval(() => input.writable && input.write("\n"), every * 1000) : undefined;
    let ready = 0;
    const ended = localHost().script(
      failbackScript("guard").replace("-t 60", "-t 1"),
      [state(), "shop", "a failback by ana"],
      {
        input,
        onLine() {
          ready ||= performance.now();
        },
      },
    );
    if (every) setTimeout(() => input.end(), 4000);
    expect((await ended).exitCode).toBe(0);
    clearInterval(timer);
    return (performance.now() - ready) / 1000;
  }

  it("ends where the laptop says nothing any more, though its connection stands", async () => {
    expect(await held()).toBeLessThan(3);
  });

  it("is held as long as it does", async () => {
    expect(await held(0.2)).toBeGreaterThan(3);
  });

  it("is told every 15 s that we are there, for as long as it is held", async () => {
    vi.useFakeTimers();
    const said: string[] = [];
    let input: PassThrough | undefined;
    const host = {
      script: async (_: string, __: unknown, options: { input: PassThrough; onLine(line: string): void }) => {
        input = options.input;
        input.on("data", (bytes: Buffer) => said.push(bytes.toString()));
        options.onLine("ready");
        await finished(input);
        return { exitCode: 0, stdout: "", stderr: "" };
      },
    };
    const guard = await guardFailback({ host, environment: "production" } as unknown as Site);
    await vi.advanceTimersByTimeAsync(46_000);
    expect(said).toEqual(["\n", "\n", "\n"]);
    vi.useRealTimers();
    await guard.end();
    expect(input?.writable).toBe(false);
  });
});

it("is bash that shellcheck finds nothing in", ({ skip }) => {
  for (const part of ["close", "mark", "reopen", "wipe", "guard"] as const) {
    const checked = spawnSync("shellcheck", ["--shell=bash", "--severity=warning", "--exclude=SC2034", "-"], {
      input: failbackScript(part),
      encoding: "utf8",
    });
    if (checked.error) return skip("no shellcheck");
    expect(checked.stdout).toBe("");
  }
});
