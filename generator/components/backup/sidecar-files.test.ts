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
  return sidecarOf("grafana grafana\n", restic, ...words);
}

function sidecarOf(sources: string, restic: string, ...words: string[]) {
  writeFileSync(join(root, "restic"), `#!/bin/bash\necho "$*" >>${root}/asked\n${restic}\n`);
  chmodSync(join(root, "restic"), 0o755);
  writeFileSync(join(root, "sources"), sources);
  const script = readOwn("templates/backup/plimsoll-backup-files")
    .replace("run=/run/plimsoll", `run=${root}/run`)
    .replace("metrics=/metrics", `metrics=${root}/metrics`)
    .replace("sources=/etc/plimsoll-backup/sources", `sources=${root}/sources`)
    .replaceAll("/source/", `${root}/source/`);
  const { status, stdout, stderr } = spawnSync("bash", ["-c", script, "test", ...words], {
    env: {
      ...process.env,
      PATH: `${root}:${process.env.PATH}`,
      PLIMSOLL_SHARE: `${packageRoot}/templates/backup/share`,
      PLIMSOLL_STACK: "shop-production",
      RESTIC_REPOSITORY: "/repository",
      PLIMSOLL_KEEP: "30d",
      PLIMSOLL_STILL: "0.1",
      PLIMSOLL_PATIENCE: "2",
      PLIMSOLL_LATE: "0.1",
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

describe("a backup that is named", () => {
  const sources = "grafana grafana\nredis redis\nelasticsearch snapshots whole 7d\n";
  const tags = () =>
    [...readFileSync(join(root, "asked"), "utf8").matchAll(/ backup .*--tag (\S+)/g)].map(([, tag]) => tag);
  beforeEach(() => {
    for (const name of ["grafana", "redis", "snapshots"])
      mkdirSync(join(root, "source", name), { recursive: true });
    writeFileSync(join(root, "source/snapshots/index-1"), "one");
  });

  it("is of that alone, forgets nothing, and leaves what the last whole one said", () => {
    expect(sidecarOf(sources, "echo '[]'", "now", "redis", "grafana").status).toBe(0);
    expect(tags()).toEqual(["grafana", "redis"]);
    expect(readFileSync(join(root, "asked"), "utf8")).not.toMatch(/ forget /);
    expect(existsSync(join(root, "metrics/backup-files-result.prom"))).toBe(false);
  });

  it("is of all where nothing is named", () => {
    expect(sidecarOf(sources, "echo '[]'", "now").status).toBe(0);
    expect(tags()).toEqual(["grafana", "redis", "elasticsearch"]);
    expect(existsSync(join(root, "metrics/backup-files-result.prom"))).toBe(true);
  });

  it("fails where there is none of that name, before anything else is done", () => {
    const { status, stdout } = sidecarOf(sources, "echo '[]'", "now", "redis", "sessions");
    expect(status).toBe(1);
    expect(stdout).toContain("there is no source sessions");
    expect(existsSync(join(root, "asked"))).toBe(false);
  });

  it("fails where it fails", () => {
    expect(
      sidecarOf(sources, '[[ $* != *" backup "*redis* ]] || exit 1; echo "[]"', "now", "redis").status,
    ).toBe(1);
  });
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

describe("a repository of snapshots", () => {
  const sources = "grafana grafana\nelasticsearch snapshots whole 7d\n";
  const folder = join(root, "source/snapshots");
  const asked = (word: string) =>
    readFileSync(join(root, "asked"), "utf8")
      .split("\n")
      .filter((line) => line.includes(` ${word} `) || line.endsWith(` ${word}`));
  const backups = () => asked("backup").filter((line) => line.includes("--tag elasticsearch"));
  const result = () =>
    /last_run_failed\{what="elasticsearch"[^}]*\} (\d)/.exec(
      readFileSync(join(root, "metrics/backup-files-result.prom"), "utf8"),
    )?.[1];
  beforeEach(() => {
    for (const name of ["grafana", "snapshots"]) mkdirSync(join(root, "source", name), { recursive: true });
    writeFileSync(join(folder, "index-1"), "one");
  });
  /** While restic copies, as often as `times` says, this happens. */
  const while_ = (times: number, what: string) =>
    `[[ $* != *" backup "*elasticsearch* ]] || { echo . >>${root}/tries; (($(wc -l <${root}/tries) > ${times})) || { ${what}; }; }; echo '[]'`;

  it("is copied again where a file came, went or grew meanwhile, until nothing did", () => {
    for (const what of [
      `touch ${folder}/index-$RANDOM$RANDOM`,
      `rm -f ${folder}/index-1; touch ${folder}/index-0`,
      `echo more >>${folder}/index-1`,
    ]) {
      rmSync(join(root, "tries"), { force: true });
      rmSync(join(root, "asked"), { force: true });
      expect(sidecarOf(sources, while_(1, what), "backup"), what).toMatchObject({ status: 0 });
      expect(backups(), what).toHaveLength(2);
      expect(result(), what).toBe("0");
    }
  });

  it("has no backup where it never was still, and the others have theirs", () => {
    const { status, stdout } = sidecarOf(
      sources,
      while_(99, `touch ${folder}/index-$RANDOM$RANDOM`),
      "backup",
    );
    expect(status).toBe(1);
    expect(result()).toBe("1");
    expect(backups()).toHaveLength(10);
    expect(stdout).toContain("files of elasticsearch kept changing: no copy of them is whole");
    expect(stdout).toContain("backup of grafana is done");
  });

  it("is not copied while it is empty, nor waited for by the first backup", () => {
    rmSync(join(folder, "index-1"));
    const { status, stdout } = sidecarOf(sources, "echo '[]'", "backup");
    expect(status).toBe(0);
    expect(stdout).toContain("there is nothing of elasticsearch yet");
    expect(backups()).toEqual([]);
  });

  it("keeps few copies of its own, and leaves those of others as long as was said", () => {
    expect(sidecarOf(sources, "echo '[]'", "backup").status).toBe(0);
    expect(asked("forget").map((line) => line.replace(/^.*--host \S+ /, ""))).toEqual([
      "--tag elasticsearch --group-by host,tags --keep-within 7d --keep-last 1",
      "--group-by host,tags --keep-within 30d --keep-last 1 --prune",
    ]);
  });

  it("has its first copy once there is something, when the sidecar is ready long since", () => {
    const known = (tags: string) => `[{"tags":["${tags}"]}]`;
    const restic = `case "$*" in
      *" snapshots "*) if [[ -e ${root}/copied ]]; then echo '[{"tags":["grafana"]},{"tags":["elasticsearch"]}]'; else echo '${known("grafana")}'; fi ;;
      *" backup "*elasticsearch*) [[ -e ${root}/run/ready ]] && touch ${root}/copied ;;
      *) echo '[]' ;;
    esac`;
    writeFileSync(join(root, "source/grafana/grafana.db"), "");
    expect(sidecarOf(sources, restic, "volume", "first_backup").status).toBe(0);
    expect(existsSync(join(root, "copied"))).toBe(true);
    expect(backups()).toHaveLength(1);
  });

  it("is nothing that lacks a backup before its first snapshot", () => {
    const sourcesOf = () => JSON.parse(sidecarOf(sources, "echo '[]'", "report").stdout).sources;
    expect(sourcesOf()).toEqual(["grafana", "elasticsearch"]);
    rmSync(join(folder, "index-1"));
    expect(sourcesOf()).toEqual(["grafana"]);
  });
});
