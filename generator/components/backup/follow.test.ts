/** A copy that is kept warm elsewhere: what stack.yaml must have for it, what it says of itself, and how its lag is measured. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Follower } from "../../../operator/recovery/follower.ts";
import { produce } from "../../index.ts";
import { packageRoot } from "../../package.ts";
import { InputError } from "../../spec/fault.ts";
import { eachInItsFolder } from "../../testing/folder.ts";
import { bare, sourceOf } from "../../testing/source.ts";
import { REFERENCE_RECIPIENT } from "./recipient.ts";

const folder = eachInItsFolder();
const at = (name: string) => join(folder.path, name);
const share = join(packageRoot, "templates/postgres/share");

function bash(lines: readonly string[]) {
  const done = spawnSync("bash", ["-c", ["set -Eeuo pipefail; export TZ=UTC", ...lines].join("\n")], {
    env: { ...process.env, PATH: `${folder.path}:${process.env.PATH}` },
    encoding: "utf8",
  });
  expect(done.status, done.stderr).toBe(0);
  return done.stdout;
}

function program(name: string, body: string): void {
  writeFileSync(at(name), `#!/bin/bash\n${body}\n`);
  chmodSync(at(name), 0o755);
}

describe("the figures of the site that writes", () => {
  const SEGMENT = 16 * 1024 ** 2;
  /** @param written bytes of the log at `now`, seconds; @param said what the bucket has, or that it does not answer */
  function figures(now: number, written: number, reached: number, said: object | undefined) {
    mkdirSync(at("metrics"), { recursive: true });
    if (said) writeFileSync(at("said"), JSON.stringify(said));
    const text = bash([
      `metrics=${at("metrics")} primary=postgres-1 PLIMSOLL_FOLLOW=repository`,
      `. ${share}/follower.bash`,
      said ? `bucket_get() { cat ${at("said")}; }` : "bucket_get() { return 1; }",
      `date() { echo ${now}; }`,
      `ask() { echo "$2" >${at("asked-of")}; echo "${written}|${reached}"; }`,
      "follower_figures",
    ]);
    return (name: string) => {
      const found = new RegExp(`^plimsoll_dr_follower_${name} (\\S+)$`, "m").exec(text)?.[1];
      return found === undefined ? undefined : Number(found);
    };
  }
  const follower = (more: object = {}) => ({
    ...{ format: 1, at: 1000, host: "deploy@203.0.113.8", mode: "repository", state: "following" },
    ...{ lsn: "0/9000000", timeline: 1, replayed: 900, streaming: false, fault: null, ...more },
  });

  it("says 0 where none has ever said anything", () => {
    expect(figures(2000, 5 * SEGMENT, 0, {})("seen_timestamp_seconds")).toBe(0);
    expect(figures(2000, 5 * SEGMENT, 0, undefined)("behind_seconds")).toBeUndefined();
  });

  it("has no lag where nobody writes, however old the last transaction is", () => {
    // The segment that is being written is no lag of one that follows the bucket, nor a record that ends in it.
    for (const now of [2000, 9000, 90_000]) {
      const found = figures(now, 5 * SEGMENT + 200, 5 * SEGMENT - 100, follower());
      expect([found("behind_seconds"), found("behind_bytes")]).toEqual([0, 0]);
      expect(found("replayed_timestamp_seconds")).toBe(900);
    }
  });

  it("counts from when there was something that it lacks", () => {
    expect(figures(2000, 5 * SEGMENT, 5 * SEGMENT, follower())("behind_seconds")).toBe(0);
    expect(figures(2300, 6 * SEGMENT, 5 * SEGMENT, follower())("behind_seconds")).toBe(0);
    expect(figures(2600, 8 * SEGMENT, 5 * SEGMENT, follower())("behind_seconds")).toBe(300);
    const found = figures(2900, 8 * SEGMENT, 5 * SEGMENT, follower());
    expect([found("behind_seconds"), found("behind_bytes")]).toEqual([600, 3 * SEGMENT]);
    // It comes nearer: what it lacks now is younger.
    expect(figures(3000, 8 * SEGMENT, 6 * SEGMENT, follower())("behind_seconds")).toBe(400);
    expect(figures(3100, 8 * SEGMENT, 8 * SEGMENT, follower())("behind_seconds")).toBe(0);
    expect(figures(9000, 8 * SEGMENT, 8 * SEGMENT, follower())("behind_seconds")).toBe(0);
  });

  it("begins anew where the log did: a restore in place", () => {
    figures(2000, 8 * SEGMENT, 5 * SEGMENT, follower());
    expect(figures(5000, 6 * SEGMENT, 5 * SEGMENT, follower())("behind_seconds")).toBe(0);
    expect(figures(5600, 6 * SEGMENT, 5 * SEGMENT, follower())("behind_seconds")).toBe(600);
  });

  it("knows where one was that is restored anew, or does not come up: it is behind all the same", () => {
    figures(2000, 5 * SEGMENT, 5 * SEGMENT, follower());
    const down = follower({ at: 2590, state: "restoring", lsn: null, timeline: null });
    figures(2600, 6 * SEGMENT, 5 * SEGMENT, down);
    expect(figures(9000, 7 * SEGMENT, 5 * SEGMENT, down)("behind_seconds")).toBe(6400);
    expect(readFileSync(at("asked-of"), "utf8")).toContain("0/9000000");
  });

  it("stands by the last word where the bucket does not answer", () => {
    figures(2000, 5 * SEGMENT, 5 * SEGMENT, follower({ state: "stuck", fault: "why" }));
    const found = figures(9000, 7 * SEGMENT, 5 * SEGMENT, undefined);
    expect(found("seen_timestamp_seconds")).toBe(1000);
    expect(found("failed")).toBe(1);
    figures(9000, 7 * SEGMENT, 5 * SEGMENT, { format: 2 });
    expect(figures(9600, 7 * SEGMENT, 5 * SEGMENT, undefined)("behind_seconds")).toBe(600);
  });
});

describe("what the copy says of itself", () => {
  type Given = { lsn: string; timeline: number; last: string; history?: string; paused?: string };
  function now({ lsn, timeline, last, history, paused = "not paused" }: Given) {
    mkdirSync(at("proc/7"), { recursive: true });
    mkdirSync(at("volume"), { recursive: true });
    const name = timeline.toString(16).toUpperCase().padStart(8, "0");
    writeFileSync(
      at("proc/7/cmdline"),
      `postgres: postgres-1: startup waiting for ${name}000000000000000A\0`,
    );
    writeFileSync(at("volume/follow"), "repository deploy@203.0.113.8\n");
    const info = [{ db: [{ id: 1 }], archive: [{ database: { id: 1 }, max: last }], backup: [] }];
    writeFileSync(at("info"), JSON.stringify(info));
    writeFileSync(at("history"), history ?? "");
    writeFileSync(
      at("pgbackrest"),
      `#!/bin/bash\nif [[ $* == *info* ]]; then exec cat ${at("info")}; fi\n${history === undefined ? "exit 1" : `cp ${at("history")} "\${@: -1}"`}\n`,
    );
    chmodSync(at("pgbackrest"), 0o755);
    const text = bash([
      `volume=${at("volume")} run=${folder.path} PROC=${at("proc")} PGDATA=${at("volume")}/18/docker`,
      ...["postgres", "recover", "follow"].map((part) => `. ${share}/${part}.bash`),
      `superuser() { echo "${lsn}|1764360000.5|${paused}|f"; }`,
      "following_now",
    ]);
    return Follower.parse(JSON.parse(text));
  }

  it("follows, and goes over to a new timeline by itself", () => {
    const last = "00000001000000000000000A";
    expect(now({ lsn: "0/A000000", timeline: 1, last })).toMatchObject({
      ...{ host: "deploy@203.0.113.8", mode: "repository", state: "following" },
      ...{ lsn: "0/A000000", timeline: 1, replayed: 1764360000.5, fault: null },
    });
    const after = {
      last: "00000002000000000000000B",
      history: "1\t0/A000100\tno recovery target specified\n",
    };
    expect(now({ lsn: "0/A000100", timeline: 1, ...after })).toMatchObject({
      state: "following",
      fault: null,
    });
    // Nobody knows where it was left: the bucket does not answer.
    expect(now({ lsn: "0/F000000", timeline: 1, last: "00000003000000000000000B" }).state).toBe("following");
  });

  it("says that it has what a restore in place gave up, and remembers it for an activation", () => {
    const given = { last: "00000002000000000000000B", history: "1\t0/A000100\tbefore 2026-11-28\n" };
    const found = now({ lsn: "0/A000101", timeline: 1, ...given });
    expect(found).toMatchObject({ state: "stuck", fault: expect.stringContaining("--anew") });
    expect(readFileSync(at("volume/follow.left"), "utf8")).toContain(
      "went on from before 0/A000101 on timeline 2",
    );
    // It was undone there.
    const undone = { last: "00000003000000000000000C", history: "1\t0/B000000\tx\n" };
    expect(now({ lsn: "0/A000101", timeline: 1, ...undone }).state).toBe("following");
    expect(existsSync(at("volume/follow.left"))).toBe(false);
  });

  it("starts no server that would not come up, and goes on where the restore in place is undone", () => {
    mkdirSync(at("volume/18/docker/global"), { recursive: true });
    writeFileSync(at("volume/18/docker/global/pg_control"), "x");
    const start = (lsn: string, timeline: number) => {
      const control = `Minimum recovery ending location:     ${lsn}\nMin recovery ending loc's timeline:   ${timeline}\n`;
      const info = [{ db: [{ id: 1 }], archive: [{ database: { id: 1 }, max: "00000002000000000000000B" }] }];
      writeFileSync(at("info"), JSON.stringify(info));
      writeFileSync(at("history"), "1\t0/A000100\tx\n");
      program("pg_controldata", `printf "${control.replaceAll("\n", "\\n")}"`);
      program(
        "pgbackrest",
        `if [[ $* == *info* ]]; then exec cat ${at("info")}; fi; cp ${at("history")} "\${@: -1}"`,
      );
      return bash([
        `volume=${at("volume")} run=${folder.path} PGDATA=${at("volume")}/18/docker REPORT_EVERY=0`,
        ...["postgres", "recover", "follow"].map((part) => `. ${share}/${part}.bash`),
        // Undone while it waits.
        `sleep() { echo waits; printf '1\t0/F000000\tx\n' >${folder.path}/00000002.history; }`,
        "wait_while_left; echo goes on",
      ]);
    };
    expect(start("0/A000101", 1)).toBe("waits\ngoes on\n");
    expect(readFileSync(at("volume/follow.left"), "utf8")).toContain("plimsoll dr init --anew");
    rmSync(at("00000002.history"));
    expect(start("0/A000100", 1)).toBe("goes on\n");
    expect(start("0/0", 0)).toBe("goes on\n");
  });

  it("says that it waits for settings, which is no reason to fetch anything again", () => {
    const found = now({ lsn: "0/A000000", timeline: 1, last: "00000001000000000000000A", paused: "paused" });
    expect(found).toMatchObject({
      state: "stuck",
      fault: expect.stringContaining("plimsoll dr init brings them"),
    });
    expect(existsSync(at("volume/follow.left"))).toBe(false);
  });
});

describe("the end of following", () => {
  function recover(...files: string[]) {
    for (const name of ["volume/18/docker/global", "run"]) mkdirSync(at(name), { recursive: true });
    writeFileSync(at("volume/18/docker/PG_VERSION"), "18");
    for (const name of ["recover", "follow", ...files]) writeFileSync(at(`volume/${name}`), "repository x\n");
    writeFileSync(at("volume/18/docker/standby.signal"), "");
    const info = [
      { db: [{ id: 1 }], archive: [{ database: { id: 1 }, max: "00000001000000000000000A" }], backup: [] },
    ];
    writeFileSync(at("info"), JSON.stringify(info));
    writeFileSync(
      at("pgbackrest"),
      `#!/bin/bash\nif [[ $* == *info* ]]; then exec cat ${at("info")}; fi\necho "$*" >>${at("asked")}\necho "INFO: repo1: restore backup set 20261128-033000F, recovery"\n`,
    );
    chmodSync(at("pgbackrest"), 0o755);
    return bash([
      `volume=${at("volume")} run=${at("run")} PGDATA=${at("volume")}/18/docker`,
      ...["postgres", "recover", "follow"].map((part) => `. ${share}/${part}.bash`),
      'recover_cluster; cat "$volume/recovered"',
    ]);
  }
  const data = (name: string) => existsSync(at(`volume/18/docker/${name}`));

  it("replays what is left, and fetches nothing", () => {
    mkdirSync(at("volume/18/docker/global"), { recursive: true });
    writeFileSync(at("volume/18/docker/global/pg_control"), "x");
    writeFileSync(at("follow.set"), "");
    recover("follow.set", "follow.replayed");
    expect(existsSync(at("asked"))).toBe(false);
    expect([data("recovery.signal"), data("standby.signal")]).toEqual([true, false]);
    expect(readFileSync(at("volume/recovered.end"), "utf8")).toBe("00000001000000000000000A\n");
    expect(existsSync(at("volume/recovered.replayed"))).toBe(true);
    for (const name of ["follow", "recover", "follow.set", "follow.replayed"])
      expect(existsSync(at(`volume/${name}`)), name).toBe(false);
  });

  it("fetches what differs where its timeline was left, or where it was never whole", () => {
    expect(recover()).toBe("20261128-033000F\n");
    mkdirSync(at("volume/18/docker/global"), { recursive: true });
    writeFileSync(at("volume/18/docker/global/pg_control"), "x");
    expect(recover("follow.left", "follow.replayed")).toBe("20261128-033000F\n");
    expect(readFileSync(at("asked"), "utf8").match(/--delta/g)).toHaveLength(2);
    // When its last transaction was is none of the restored one's.
    expect(existsSync(at("volume/recovered.replayed"))).toBe(false);
  });
});

describe("dr.follow in stack.yaml", () => {
  const bucket = `backup: ${JSON.stringify({
    repository: { s3: { endpoint: "fra1.digitaloceanspaces.com", region: "fra1", bucket: "hello-backups" } },
    recipient: REFERENCE_RECIPIENT,
  })}\n`;
  function produced(words: string, environment: "local" | "production" = "production") {
    const { plan, files } = produce(sourceOf(`${bare}${words}`), environment, { images: "official" });
    return { plan, text: (path: string) => files.find((file) => file.path === path)?.text ?? "" };
  }
  function refused(words: string) {
    try {
      produced(words);
    } catch (error) {
      if (error instanceof InputError)
        return error.faults.map(({ path, line, message }) => ({ path, line, message }));
      throw error;
    }
    throw new Error("it was taken");
  }
  const line = (words: string, part: string) =>
    `${bare}${words}`.split("\n").findIndex((text) => text.includes(part)) + 1;

  it("brings its rules, its threshold and the sidecar's look only where it is set", () => {
    const set = produced(
      `${bucket}dr: { host: deploy@203.0.113.8, follow: repository }\nobjectives: { rpo: 2h }\n`,
    );
    expect(set.plan.offers.rules).toContain("follow");
    expect(set.plan.offers.thresholds).toContainEqual(
      expect.objectContaining({ record: "plimsoll:threshold:dr_follower_behind_seconds", value: 7200 }),
    );
    expect(set.text("compose.yaml")).toContain("PLIMSOLL_FOLLOW: repository");
    for (const [words, environment] of [
      [`${bucket}dr: { host: deploy@203.0.113.8 }\n`, "production"],
      // A laptop has nothing kept warm, whatever stack.yaml says of production.
      ["backup: {}\ndr: { host: deploy@203.0.113.8, follow: stream }\n", "local"],
    ] as const) {
      const { plan, text } = produced(words, environment);
      expect(plan.offers.rules).not.toContain("follow");
      expect(text("compose.yaml")).not.toMatch(/PLIMSOLL_FOLLOW|PLIMSOLL_TLS|name: follower/);
    }
  });

  it("is refused where it could not be, with the line", () => {
    const local =
      "backup: { lost_with_machine: accepted }\ndr:\n  host: deploy@203.0.113.8\n  follow: repository\n";
    expect(refused(local)).toEqual([
      {
        path: "dr.follow",
        line: line(local, "follow:"),
        message: expect.stringContaining("on this machine alone"),
      },
    ]);
    const none = "backup: false\ndr:\n  host: deploy@203.0.113.8\n  follow: repository\n";
    expect(refused(none)).toEqual([
      {
        path: "dr.follow",
        line: line(none, "follow:"),
        message: expect.stringContaining("there are no backups"),
      },
    ]);
    const nowhere = `${bucket}dr:\n  follow: repository\n`;
    expect(refused(nowhere)).toEqual([
      { path: "dr", line: line(nowhere, "dr:"), message: expect.stringContaining("host is missing") },
    ]);
    const named = `${bucket}dr:\n  host: second\n  follow: stream\n`;
    expect(refused(named)).toEqual([
      { path: "dr.host", line: line(named, "host: second"), message: expect.stringContaining("is a name") },
    ]);
    expect(
      refused(`${bucket}postgres: false\ndr: { host: deploy@203.0.113.8, follow: repository }\n`)[0],
    ).toMatchObject({ path: "dr.follow", message: expect.stringContaining("no PostgreSQL") });
  });

  it("opens a door for a stream: one address, TLS, replication and nothing else", () => {
    const { plan, text } = produced(
      `${bucket}dr: { host: second, address: 203.0.113.8, follow: stream, port: 7000 }\n`,
    );
    expect(plan.services.postgres?.compose.ports).toEqual([
      expect.objectContaining({ target: 6432, published: "7000", host_ip: "0.0.0.0" }),
    ]);
    expect(text("postgres-proxy/haproxy.cfg")).toContain("reject unless { src 203.0.113.8 }");
    expect(text("postgres-1/postgresql.conf")).toContain("\nssl = on\n");
    const lines = text("postgres-1/pg_hba.conf")
      .split("\n")
      .filter((one) => one !== "" && !one.startsWith("#"))
      .map((one) => one.split(/ +/));
    // Over TLS no line fits but that of replication.
    const overTls = lines.filter(([type, , , where]) => type === "host" && where === "samenet");
    expect(overTls.map(([, database, role]) => [database, role])).toEqual([["replication", "replication"]]);
    const without = produced(`${bucket}dr: { host: deploy@203.0.113.8, follow: repository }\n`);
    expect(without.text("postgres-proxy/haproxy.cfg")).not.toContain("frontend follower");
    expect(without.text("postgres-1/postgresql.conf")).not.toContain("ssl");
    expect(without.text("postgres-1/pg_hba.conf")).not.toContain("hostnossl");
  });
});
