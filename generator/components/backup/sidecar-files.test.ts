/** The bash of the sidecar for files, with a restic that says what a test wants. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { packageRoot, readOwn } from "../../package.ts";

const root = mkdtempSync(join(tmpdir(), "plimsoll-files-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(root, { recursive: true, force: true });
  for (const folder of ["run", "metrics", "volume"]) mkdirSync(join(root, folder), { recursive: true });
});

/** The script itself. `restic` is the body of a script: `$*` is what it was asked. */
function sidecar(restic: string, ...words: string[]) {
  writeFileSync(join(root, "restic"), `#!/bin/bash\necho "$*" >>${root}/asked\n${restic}\n`);
  chmodSync(join(root, "restic"), 0o755);
  writeFileSync(join(root, "sources"), "grafana grafana\n");
  const script = readOwn("templates/backup/plimsoll-backup-files")
    .replace("run=/run/plimsoll", `run=${root}/run`)
    .replace("metrics=/metrics", `metrics=${root}/metrics`)
    .replace("sources=/etc/plimsoll-backup/sources", `sources=${root}/sources`);
  const { status, stdout, stderr } = spawnSync("bash", ["-c", script, "test", ...words], {
    env: {
      ...process.env,
      PATH: `${root}:${process.env.PATH}`,
      PLIMSOLL_SHARE: `${packageRoot}/templates/backup/share`,
      PLIMSOLL_STACK: "shop-production",
      RESTIC_REPOSITORY: "/repository",
      PLIMSOLL_KEEP: "30d",
    },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

it("asks without a lock, which a check would have it wait for", () => {
  expect(sidecar("echo '[]'", "report")).toMatchObject({ status: 0, stderr: "" });
  sidecar("echo '[]'", "metrics");
  const asked = readFileSync(join(root, "asked"), "utf8").trim().split("\n");
  expect(asked.length).toBeGreaterThan(1);
  for (const line of asked) expect(line).toContain("--no-lock");
});

it("counts what is in the repository after a backup, too", () => {
  const snapshot = { time: "2026-11-28T20:08:18.7Z", tags: ["grafana"], id: "1a2b" };
  const answer = `[[ $RESTIC_REPOSITORY == /repository ]] || exit 1
    if [[ $* == *" snapshots "* ]]; then echo '${JSON.stringify([snapshot])}'; fi`;
  sidecar(answer, "backup");
  const figures = readFileSync(join(root, "metrics/backup-files.prom"), "utf8");
  expect(figures).toMatch(/^plimsoll_backup_repository_failed\{what="files",repository="local"\} 0$/m);
  expect(figures).toMatch(/^plimsoll_backup_last_success_timestamp_seconds\{what="grafana".*\} 1795896498$/m);
});

describe("a verification", () => {
  const verified = (restic: string) => {
    const { status } = sidecar(restic, "verify");
    return { status, ...JSON.parse(readFileSync(join(root, "metrics/files-verified.json"), "utf8")) };
  };

  it("says damaged only of a repository that opens", () => {
    expect(verified("exit 0")).toMatchObject({ status: 0, outcome: "passed" });
    expect(verified('[[ $* != *" check "* ]] || { echo "pack 1a2b: wrong hash"; exit 1; }')).toMatchObject({
      status: 1,
      outcome: "failed",
      said: "local: pack 1a2b: wrong hash",
    });
    for (const code of [1, 12])
      expect(verified(`echo "Fatal: no answer" >&2; exit ${code}`)).toMatchObject({
        status: 1,
        outcome: "unfinished",
        said: "local: it does not open: Fatal: no answer",
      });
  });

  it("says so, too, where the repository went away while it was read", () => {
    const away = `[[ $* != *" check "* ]] || { touch ${root}/away; exit 1; }; [[ ! -e ${root}/away ]] || exit 1`;
    expect(verified(away)).toMatchObject({ status: 1, outcome: "unfinished" });
    expect(existsSync(join(root, "metrics/backup-files-verified.prom"))).toBe(true);
  });
});

describe("the undo of a restore", () => {
  const volume = join(root, "volume");
  /** A function of share/volume.bash, after words that cut it short. */
  const inVolume = (...lines: string[]) =>
    spawnSync(
      "bash",
      [
        "-euo",
        "pipefail",
        "-c",
        [`. ${packageRoot}/templates/backup/share/volume.bash`, `volume=${volume}`, ...lines].join("\n"),
      ],
      { encoding: "utf8" },
    ).status;
  const data = (folder = "") => readFileSync(join(volume, folder, "data"), "utf8");
  beforeEach(() => {
    writeFileSync(join(volume, "data"), "restored");
    mkdirSync(join(volume, ".plimsoll-before"));
    writeFileSync(join(volume, ".plimsoll-before/data"), "old");
  });

  it("brings the old data back, and done twice the restored", () => {
    expect(inVolume("undo")).toBe(0);
    expect([data(), data(".plimsoll-before")]).toEqual(["old", "restored"]);
    expect(inVolume("half")).toBe(1);
    expect(inVolume("undo")).toBe(0);
    expect([data(), data(".plimsoll-before")]).toEqual(["restored", "old"]);
  });

  it.each(["mv", "mkdir", "rm", "move_all"])(
    "that was cut short at any %s is known, and brought to its end",
    (command) => {
      for (let at = 1; ; at++) {
        for (const name of readdirSync(volume)) rmSync(join(volume, name), { recursive: true });
        writeFileSync(join(volume, "data"), "restored");
        mkdirSync(join(volume, ".plimsoll-before"));
        writeFileSync(join(volume, ".plimsoll-before/data"), "old");
        const run = command === "move_all" ? "real_move_all" : `command ${command}`;
        const cut = inVolume(
          'eval "real_$(declare -f move_all)"',
          `count=0; ${command}() { if ((++count == ${at})); then exit 9; fi; ${run} "$@"; }`,
          "undo",
        );
        if (cut === 0) return expect(at).toBeGreaterThan(1);
        expect(cut).toBe(9);
        if (inVolume("half") === 0) expect(inVolume("swap")).toBe(0);
        expect([data(), data(".plimsoll-before")], `${command} ${at}`).toEqual(["old", "restored"]);
      }
    },
  );
});
