/** The engine that replaces a release on the host itself, on a real Docker engine: what it changes, what it leaves. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from "vitest";
import { startLoad } from "../faults/load.ts";
import { engineOrSkip, request } from "./engine.ts";
import { inLong } from "./long.ts";
import { openSite, type Site, timings } from "./onhost-site.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();
let turn = 0;

/** A word that changes servers and processes, and nothing else; whatever else is given lasts for the releases after. */
const another = (more: Record<string, string> = {}, words: Record<string, unknown> = {}) => ({
  "api.environment": { ...more, TURN: `${++turn}` },
  ...words,
});

/** Changes one server of compose.yaml alone. */
const inServer = (server: string, from: RegExp | string, to: string) => (text: string) =>
  text.replace(new RegExp(`^ {2}${server}:\\n(?: {4}.*\\n)+`, "m"), (block) => block.replace(from, to));

/** Beside many short requests some that take long and are not safe to repeat: lost with a server that is not drained. */
async function lostNone<Result>(site: Site, action: () => Promise<Result>): Promise<Result> {
  const port = await site.port();
  const load = startLoad(port, site.domain, 50);
  const long = new Set<Promise<string>>();
  const timer = setInterval(() => {
    long.add(
      request(port, "/echo?ms=700", site.domain, { method: "POST", body: { id: long.size } }).then(
        ({ status }) => (status < 500 ? "" : String(status)),
        (error: Error) => error.message,
      ),
    );
  }, 200);
  await sleep(1000);
  const result = await action().finally(async () => {
    await sleep(500);
    clearInterval(timer);
    await load.stop();
  });
  const { sent, failed, slowest, kinds } = load.take();
  const cut = (await Promise.all(long)).filter(Boolean);
  console.log(
    `${sent} requests, ${failed} lost ${JSON.stringify(kinds)}, slowest ${Math.round(slowest)} ms; ` +
      `${long.size} long ones, ${cut.length} lost ${[...new Set(cut)].join(", ")}`,
  );
  expect(sent).toBeGreaterThan(50);
  expect(failed, JSON.stringify(kinds)).toBe(0);
  expect(cut).toEqual([]);
  return result;
}

/** Plain Compose finds everything as it wants it; no container is of a release that is not current. */
async function isWhole(site: Site) {
  const before = await site.containers();
  const plain = await site.plain("up", "-d", "--no-build");
  expect(plain.exitCode, plain.all).toBe(0);
  expect(plain.all).not.toMatch(/Recreate|Creating|orphan/);
  expect(await site.containers()).toEqual(before);
  expect(Object.keys(before)).not.toContain("api-spare");
  for (const [server, weight] of Object.entries(await site.weights()))
    expect([server, weight]).toEqual([server, server === "api-spare" ? 0 : 100]);
}

/** In the middle of a step, or a moment before its end. */
async function begun(site: Site, version: string, step: string) {
  await eventually(async () => {
    expect((await site.events(version)).map((event) => event.step)).toContain(step);
  }, 120);
}

/** The environment of an engine whose every call of docker comes after these words of sh. */
async function behind(site: Site, words: string): Promise<{ PATH: string }> {
  const folder = await mkdtemp(join(site.root, "shim-"));
  const docker = (await execa("which", ["docker"])).stdout;
  await writeFile(join(folder, "docker"), `#!/bin/sh\n${words}\nexec ${docker} "$@"\n`, { mode: 0o755 });
  return { PATH: `${folder}:${process.env.PATH}` };
}

function tellOnFailure(site: () => Site) {
  beforeEach(() => {
    onTestFailed(async () => {
      for (const version of (await site().releases()).slice(-2))
        console.error(
          `${version}\n${timings(await site().events(version))}\n${await site().reasonOf(version)}`,
        );
    });
  });
}

describe.skipIf(!engine)("the engine on the host, with a whole application", () => {
  let site: Site;
  beforeAll(async () => {
    const words = { logging: false, monitoring: false, backup: false, "api.servers": 2 };
    site = await openSite("onhost", words);
    const first = await site.deploy({ words: another() });
    console.log(`first deploy\n${timings(first.events)}`);
    expect(first.exitCode, `${first.output}\n${await site.reasonOf("v1")}`).toBe(0);
    expect(await site.current()).toBe("v1");
    await isWhole(site);
  });
  afterAll(() => site?.close());
  tellOnFailure(() => site);

  it("replaces servers and processes under load, and loses nothing", async () => {
    const before = await site.containers();
    const second = await lostNone(site, () => site.deploy({ words: another() }));
    console.log(`second deploy\n${timings(second.events)}`);
    expect(second.exitCode, second.output).toBe(0);
    expect(await site.stateOf(second.version)).toBe("current");
    expect(await site.stateOf("v1")).toBe("superseded");
    expect(second.events.at(-1)).toMatchObject({ step: "end", state: "done" });
    const after = await site.containers();
    for (const same of ["nginx", "postgres-1", "postgres", "redis-cache"])
      expect(after[same]).toBe(before[same]);
    for (const other of ["api-1", "api-2", "worker-1", "clock-1"])
      expect(after[other]).not.toBe(before[other]);
    await isWhole(site);
    expect(await site.read(`releases/${second.version}/migrations`)).toContain("applied");
    expect(
      second.events.find(({ step, state }) => step === "restore point" && state === "done")?.text,
    ).toMatch(/^v2 at [0-9A-F]+\/[0-9A-F]+ on postgres-1$/);
    const audit = (await site.read("audit.log")).trim().split("\n").at(-1) as string;
    expect(JSON.parse(audit)).toMatchObject({ by: "a test", release: second.version, outcome: "current" });
  });

  it("stops before anything is replaced where a migration fails", async () => {
    const before = await site.containers();
    const change = (text: string) =>
      text.replaceAll("node dist/migrate.js up", "node dist/migrate.js nonsense");
    const bad = await lostNone(site, () => site.deploy({ words: another(), change }));
    expect(bad.exitCode).toBe(1);
    expect(await site.reasonOf(bad.version)).toContain("exit code 2");
    expect(await site.reasonOf(bad.version)).toContain("usage: migrate up");
    const now = await site.containers();
    expect({ ...now, migrate: "" }).toEqual({ ...before, migrate: "" });
    expect(await site.current()).toBe("v2");
    await isWhole(site);
  });

  it.each(inLong(["migrate", "processes"], ["processes"]))(
    "goes back where it is killed in the middle of: %s",
    async (step) => {
      const version = await site.current();
      const next = await site.prepare({ words: another() });
      await lostNone(site, async () => {
        const running = site.start(next);
        await begun(site, next, step);
        process.kill(await site.worker(), "SIGKILL");
        expect((await running).exitCode).toBe(1);
      });
      expect(await site.stateOf(next)).toBe("failed");
      expect(await site.current()).toBe(version);
      await isWhole(site);
    },
  );

  it("hands a changed secret to who reads it, and the old one back", async () => {
    const before = await site.containers();
    const version = await site.prepare({ settings: { KIND: "config" } });
    // The one it is made of too: or the next generate would derive the old one again.
    for (const name of ["api_jwt_secret", "JWT_SECRET"]) await site.sendSecret(version, name, "x".repeat(48));
    expect((await lostNone(site, () => site.start(version))).exitCode).toBe(0);
    const after = await site.containers();
    for (const reader of ["api-1", "api-2"]) expect(after[reader]).not.toBe(before[reader]);
    expect(after["postgres-1"]).toBe(before["postgres-1"]);
    expect(await site.secretIn("api-1", "JWT_SECRET")).toBe("x".repeat(48));
    const change = inServer("api-2", /SESSIONS_REDIS_URL_FILE: \S+/, "SESSIONS_REDIS_URL_FILE: /nowhere");
    const bad = await site.prepare({ change, settings: { KIND: "config" } });
    for (const name of ["api_jwt_secret", "JWT_SECRET"]) await site.sendSecret(bad, name, "y".repeat(48));
    expect((await lostNone(site, () => site.start(bad))).exitCode).toBe(1);
    expect(await site.reasonOf(bad)).toContain("roll api-2");
    for (const reader of ["api-1", "api-2"])
      expect(await site.secretIn(reader, "JWT_SECRET")).toBe("x".repeat(48));
    await isWhole(site);
    expect(await site.read(`releases/${bad}/events`)).not.toContain("yyyy");
  });
});

describe.skipIf(!engine)("the engine on the host", () => {
  let site: Site;
  beforeAll(async () => {
    // An application that has no word about SIGTERM, and ends in the middle of whatever it does.
    const words = { "api.command": "node plain.mjs" };
    site = await openSite("onhost", words, resolve("test/deploy/stack"));
    const first = await site.deploy({ words: another() });
    expect(first.exitCode, `${first.output}\n${await site.reasonOf("v1")}`).toBe(0);
    await isWhole(site);
  });
  afterAll(() => site?.close());
  tellOnFailure(() => site);

  it("replaces three servers, and loses nothing", async () => {
    const { exitCode, output, events } = await lostNone(site, () => site.deploy({ words: another() }));
    console.log(`three servers\n${timings(events)}`);
    expect(exitCode, output).toBe(0);
    await isWhole(site);
  });

  it("touches no container where nothing changed", async () => {
    const before = await site.containers();
    const again = await site.deploy();
    console.log(`nothing changed\n${timings(again.events)}`);
    expect(again.exitCode, again.output).toBe(0);
    expect(await site.containers()).toEqual(before);
  });

  it("takes in nginx's new files by a reload", async () => {
    const before = await site.containers();
    const words = another({}, { "nginx.body": "2MB" });
    const { exitCode, output } = await lostNone(site, () => site.deploy({ words }));
    expect(exitCode, output).toBe(0);
    expect((await site.containers()).nginx).toBe(before.nginx);
    expect(await readFile(join(site.live, "nginx/nginx.conf"), "utf8")).toContain("client_max_body_size 2");
    await isWhole(site);
  });

  it.each([
    ["an application that never gets ready", { UNREADY: "1" }, undefined, "/ready was not 200"],
    ["an application that ends at once", { CRASH: "1" }, undefined, "ends as soon as it starts"],
    [
      "an image that nobody has",
      {},
      (text: string) =>
        text.replaceAll(
          /image: \S+\/rolling-api:\S+\n {4}build:\n(?: {6}.*\n)+/g,
          "image: 127.0.0.1:9/none:1\n",
        ),
      "127.0.0.1:9",
    ],
    [
      "files that Compose refuses",
      {},
      (text: string) => text.replace("services:", "services:\n  odd: 1"),
      "odd",
    ],
  ])("leaves everything as it was: %s", async (_, environment, change, because) => {
    const before = await site.containers();
    const version = await site.current();
    const settings = { READY_FOR: "5" };
    const bad = await lostNone(site, () => site.deploy({ words: another(environment), change, settings }));
    expect(bad.exitCode).toBe(1);
    expect(await site.stateOf(bad.version)).toBe("failed");
    expect(await site.reasonOf(bad.version)).toContain(because);
    expect(await site.containers()).toEqual(before);
    expect(await site.current()).toBe(version);
    await isWhole(site);
  });

  it("leaves everything as it was: no room on the disk", async () => {
    const before = await site.containers();
    const next = await site.prepare({ words: another() });
    const { exitCode } = await site.start(next, { LEAST_ROOM: "99999999999" });
    expect(exitCode).toBe(1);
    expect(await site.reasonOf(next)).toMatch(/the disk of \S+ has \d+ MB left/);
    expect(await site.containers()).toEqual(before);
  });

  it("puts back what it replaced where a later server fails", async () => {
    const version = await site.current();
    const change = inServer("api-3", "environment:\n", 'environment:\n      UNREADY: "1"\n');
    const settings = { READY_FOR: "5" };
    const bad = await lostNone(site, () => site.deploy({ words: another(), change, settings }));
    console.log(`undone\n${timings(bad.events)}`);
    expect(bad.exitCode).toBe(1);
    expect(await site.reasonOf(bad.version)).toContain("roll api-3");
    expect(await site.current()).toBe(version);
    await isWhole(site);
  });

  it("goes on with a way back that failed, and writes down who made the release", async () => {
    const version = await site.current();
    const broken = join(site.root, "broken");
    await writeFile(broken, "");
    const change = inServer("api-3", "environment:\n", 'environment:\n      UNREADY: "1"\n');
    const settings = { READY_FOR: "5", BY: "bob", KIND: "config" };
    const next = await site.prepare({ words: another(), change, settings });
    const events = join(site.state, "releases", next, "events");
    const env = await behind(
      site,
      `[ ! -e '${broken}' ] || ! grep -q '"step":"undo","state":"begin"' '${events}' || { echo 'no space left on device' >&2; exit 1; }`,
    );
    await lostNone(site, async () => {
      expect((await site.start(next, { ...env, PATIENCE: "3" })).exitCode).toBe(1);
      expect(await site.stateOf(next)).toBe("half");
      expect(await site.reasonOf(next)).toMatch(
        /^roll api-3: .*\n(.*\n)*and not all of it could be undone: undo: /,
      );
      expect((await site.events(next)).at(-1)).toMatchObject({ step: "end", state: "half" });
      expect(await site.current()).toBe(version);
      await rm(broken);
      const recovered = await site.recover();
      expect(recovered.exitCode, recovered.all).toBe(0);
    });
    expect(await site.stateOf(next)).toBe("failed");
    expect(await site.reasonOf(next)).toMatch(/^roll api-3: /);
    expect(await site.current()).toBe(version);
    await isWhole(site);
    const lines = (await site.read("audit.log"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ release }) => release === next)).toEqual([
      expect.objectContaining({ by: "bob", command: "config", outcome: "half" }),
      expect.objectContaining({ by: "bob", command: "config", outcome: "failed" }),
    ]);
  });

  it.each(
    inLong(
      ["images", "nginx test", "spare", "roll api-1", "roll api-2", "nginx", "spare out", "smoke"],
      ["roll api-2", "nginx"],
    ),
  )("goes back by itself where it is killed in the middle of: %s", async (step) => {
    const version = await site.current();
    // nginx's files differ too: a reload is part of it.
    const words = another({}, { "nginx.body": `${3 + turn}MB` });
    const next = await site.prepare({ words, settings: { SMOKE: `(${"'/health 200' ".repeat(20)})` } });
    await lostNone(site, async () => {
      const running = site.start(next);
      await begun(site, next, step);
      process.kill(await site.worker(), "SIGKILL");
      expect((await running).exitCode).toBe(1);
    });
    expect(await site.stateOf(next)).toBe("failed");
    expect(await site.reasonOf(next)).toContain("interrupted");
    expect(await site.current()).toBe(version);
    await isWhole(site);
  });

  it("is brought back by --recover where nothing of it was left, and refuses a second beside it", async () => {
    const version = await site.current();
    const next = await site.prepare({ words: another() });
    await lostNone(site, async () => {
      const running = site.start(next);
      await begun(site, next, "roll api-1");
      const second = await site.recover();
      expect(second.exitCode, second.all).toBe(75);
      expect(second.all).toContain(next);
      const worker = await site.worker();
      running.kill("SIGKILL");
      process.kill(worker, "SIGKILL");
      await running;
      expect(await site.stateOf(next)).toBe("running");
      const recovered = await site.recover();
      expect(recovered.exitCode, recovered.all).toBe(0);
    });
    expect(await site.stateOf(next)).toBe("failed");
    expect(await site.current()).toBe(version);
    await isWhole(site);
  });

  it("is as good as done where it is killed after its release became the current one", async () => {
    const next = await site.prepare({ words: another() });
    // --recover takes nothing away where Compose does not say what is wanted.
    const mute = await behind(site, `case " $* " in *" config "*) exit 1 ;; esac`);
    const held = join(site.root, "held");
    await writeFile(held, "");
    // Nothing is swept until the worker is gone.
    const isCurrent = `[ "$(cat '${join(site.state, "releases", next, "state")}')" = current ]`;
    const running = site.start(
      next,
      await behind(site, `while [ -e '${held}' ] && ${isCurrent}; do sleep 0.1; done`),
    );
    await eventually(async () => expect(await site.stateOf(next)).toBe("current"), 120);
    process.kill(await site.worker(), "SIGKILL");
    await rm(held);
    expect((await running).exitCode).toBe(0);
    expect((await site.events(next)).at(-1)).toMatchObject({ step: "end", state: "done" });
    await isWhole(site);
    const before = await site.containers();
    const events = (await site.read(`releases/${next}/events`)).trim().split("\n").slice(0, -1).join("\n");
    await writeFile(join(site.state, "releases", next, "events"), `${events}\n`);
    expect((await site.recover(mute)).exitCode).toBe(0);
    expect(await site.containers()).toEqual(before);
  });

  it("waits for a Docker engine that is away for a while", async () => {
    const away = join(site.root, "away");
    const path = await behind(
      site,
      `[ ! -e '${away}' ] || { echo 'Cannot connect to the Docker daemon' >&2; exit 1; }`,
    );
    for (const step of inLong(["look", "spare", "roll api-2", "spare out"], ["roll api-2"])) {
      const next = await site.prepare({ words: another() });
      const result = await lostNone(site, async () => {
        const running = site.start(next, path);
        await begun(site, next, step);
        await writeFile(away, "");
        await sleep(2000);
        await rm(away);
        return running;
      });
      expect(result.exitCode, `${step}: ${await site.reasonOf(next)}`).toBe(0);
      await isWhole(site);
    }
  });

  it("undoes where it is told to end", async () => {
    const version = await site.current();
    const next = await site.prepare({ words: another() });
    const running = site.start(next);
    await begun(site, next, "spare");
    running.kill("SIGTERM");
    expect((await running).exitCode).toBe(1);
    expect(await site.reasonOf(next)).toContain("signal");
    expect(await site.current()).toBe(version);
    await isWhole(site);
  });

  it("gives a canary its share, and goes back or on as it is told", async () => {
    const settings = { KIND: "canary", CANARY_SHARE: "100", CANARY_FOR: "300" };
    const version = await site.current();
    const aborted = await site.prepare({ words: another(), settings });
    await lostNone(site, async () => {
      const running = site.start(aborted);
      await eventually(async () => expect(await site.stateOf(aborted)).toBe("canary"), 60);
      await eventually(async () =>
        expect(await site.weights()).toEqual({ "api-1": 3, "api-2": 3, "api-3": 3, "api-spare": 1 }),
      );
      await writeFile(join(site.state, "work.abort"), "a person\n");
      expect((await running).exitCode).toBe(1);
    });
    expect(await site.stateOf(aborted)).toBe("rolled-back");
    expect(await site.reasonOf(aborted)).toContain("aborted by a person");
    expect(await site.current()).toBe(version);
    await isWhole(site);
    const promoted = await site.prepare({ words: another(), settings });
    await lostNone(site, async () => {
      const running = site.start(promoted);
      await eventually(async () => expect(await site.stateOf(promoted)).toBe("canary"), 60);
      await writeFile(join(site.state, "work.promote"), "a person\n");
      expect((await running).exitCode).toBe(0);
    });
    expect(await site.current()).toBe(promoted);
    await isWhole(site);
  });

  it("is rolled back by what is seen afterwards", async () => {
    const version = await site.current();
    // Well for a while, and then one of two requests fails.
    const words = another({ ERRORS: "0.5", BAD_AFTER: "25" });
    const settings = { WATCH: "60", TRIGGER_ERRORS: "0.05", WINDOW: "5", SAMPLES: "20" };
    const port = await site.port();
    const timer = setInterval(() => void request(port, "/work", site.domain).catch(() => undefined), 50);
    const bad = await site.deploy({ words, settings }).finally(() => clearInterval(timer));
    console.log(`rolled back\n${timings(bad.events)}`);
    expect(bad.exitCode).toBe(1);
    expect(await site.stateOf(bad.version)).toBe("rolled-back");
    expect(await site.current()).toBe(version);
    await isWhole(site);
  });

  it("adds a server, which nginx is made anew for, takes it away again, and loses nothing", async () => {
    const more = await lostNone(site, () => site.deploy({ words: another({}, { "api.servers": 4 }) }));
    console.log(`one more\n${timings(more.events)}`);
    expect(more.exitCode, more.output).toBe(0);
    expect((await site.weights())["api-4"]).toBe(100);
    await isWhole(site);
    const less = await lostNone(site, () => site.deploy({ words: { "api.servers": 3 } }));
    expect(less.exitCode, less.output).toBe(0);
    expect(Object.keys(await site.containers())).not.toContain("api-4");
    await isWhole(site);
  });

  it("refuses a release that was planned on another than the current", async () => {
    const before = await site.containers();
    const version = await site.current();
    const bad = await site.deploy({ words: another(), settings: { PREVIOUS: "v1" } });
    expect(bad.exitCode).toBe(1);
    expect(await site.reasonOf(bad.version)).toContain("planned on v1");
    expect(await site.containers()).toEqual(before);
    expect(await site.current()).toBe(version);
  });

  it("keeps five releases and five that failed, and whatever a person put into the live folder", async () => {
    await writeFile(join(site.live, "mine.txt"), "a person's");
    expect((await site.deploy()).exitCode).toBe(0);
    const kept = await Promise.all((await site.releases()).map((version) => site.stateOf(version)));
    expect(kept.filter((state) => state === "current" || state === "superseded").length).toBe(5);
    expect(kept.filter((state) => state === "failed" || state === "rolled-back").length).toBeLessThanOrEqual(
      6,
    );
    expect(kept.at(-1)).toBe("current");
    expect(await readFile(join(site.live, "mine.txt"), "utf8")).toBe("a person's");
  });
});
