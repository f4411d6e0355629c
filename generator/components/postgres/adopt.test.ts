/** A start that swaps restored data in, cut short before each of its commands: the next start finds the old or the new. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { eachInItsFolder } from "../../testing/folder.ts";

const folder = eachInItsFolder();
const share = resolve("templates/postgres/share");
const volume = () => join(folder.path, "volume");
const data = (which = "") => join(volume(), "18", `docker${which}`);

function cluster(which: string, whose: string, target = false): void {
  for (const part of ["global", "pg_wal"]) mkdirSync(join(data(which), part), { recursive: true });
  writeFileSync(join(data(which), "global/pg_control"), "control");
  writeFileSync(join(data(which), "whose"), whose);
  if (target)
    writeFileSync(
      join(data(which), "plimsoll.target"),
      "recovery_target_timeline=1\nrecovery_target_xid=7 8\n",
    );
  if (target) writeFileSync(join(data(which), "recovery.signal"), "");
}

/** @param steps commands that change something, until it is killed in front of the next */
function start(steps = 1000): { killed: boolean; target: string } {
  const script = `set -Eeuo pipefail
    volume=$1 PGDATA=$1/18/docker run=/tmp left=$2
    . "$3/postgres.bash"; . "$3/adopt.bash"
    step() { if ((left-- <= 0)); then exit 137; fi; command "$@"; }
    mv() { step mv "$@"; }; rm() { step rm "$@"; }; cp() { step cp "$@"; }; touch() { step touch "$@"; }; sync() { step true; }
    adopt && read_target && printf '%s\\n' "\${recovery[@]}"`;
  const done = spawnSync("bash", ["-c", script, "-", volume(), String(steps), share], { encoding: "utf8" });
  expect([0, 137], done.stderr).toContain(done.status);
  return { killed: done.status === 137, target: done.stdout };
}

const whose = (which = "") =>
  existsSync(data(which)) ? readFileSync(join(data(which), "whose"), "utf8") : undefined;
const ask = (which: string, seconds = Math.floor(Date.now() / 1000) + 300) =>
  writeFileSync(join(volume(), "adopt"), `${which} ${seconds}\n`);

for (const [which, away] of [
  ["restored", ".before"],
  ["before", ".undone"],
] as const) {
  it(`swaps in what is ${which}, wherever it is cut short`, () => {
    let steps = 0;
    for (let killed = true; killed; steps++) {
      rmSync(volume(), { recursive: true, force: true });
      cluster("", "now");
      writeFileSync(join(data(), "pg_wal/00000004.history"), "3\t0/1\tx\n");
      cluster(`.${which}`, "then", which === "restored");
      ask(which);
      killed = start(steps).killed;
      // Never both in one place, and never neither.
      const found = ["", `.${which}`, away].map(whose).filter(Boolean).sort();
      expect(found, `after ${steps} steps`).toEqual(["now", "then"]);
      const { target } = start();
      expect(whose(), `after ${steps} steps`).toBe("then");
      expect(whose(away)).toBe("now");
      expect(existsSync(data(`.${which}`))).toBe(false);
      expect(readdirSync(volume())).toEqual(["18"]);
      // Which timelines there were goes with it; the target is told until PostgreSQL takes its signal away.
      expect(existsSync(join(data(), "pg_wal/00000004.history"))).toBe(true);
      expect(target).toContain("recovery_target_action=promote");
      expect(target).toContain(
        which === "restored" ? "recovery_target_xid=7 8" : "recovery_target_timeline=current",
      );
      expect(target.includes("restore_command=plimsoll-fetch - --stanza=main")).toBe(which === "restored");
      rmSync(join(data(), "recovery.signal"));
      expect(start().target.trim()).toBe("");
      expect(whose()).toBe("then");
    }
    expect(steps).toBeGreaterThan(6);
  });
}

it("changes nothing where it was asked for long ago, or what would come in was not finished", () => {
  cluster("", "now");
  cluster(".restored", "then", true);
  ask("restored", Math.floor(Date.now() / 1000) - 1);
  start();
  expect(whose()).toBe("now");
  expect(existsSync(join(volume(), "adopt"))).toBe(false);

  rmSync(join(data(".restored"), "plimsoll.target"));
  ask("restored");
  start();
  expect(whose()).toBe("now");

  for (const words of ["", "whatever 9999999999", "restored", "restored soon"]) {
    cluster(".restored", "then", true);
    writeFileSync(join(volume(), "adopt"), words);
    start();
    expect(whose(), words).toBe("now");
    expect(existsSync(join(volume(), "adopt")), words).toBe(false);
  }
});
