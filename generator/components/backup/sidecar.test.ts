/** The sidecar's bash, with a pgBackRest that says what a test wants: what it reports, and what it keeps of a proof. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { packageRoot, readOwn } from "../../package.ts";

const PARTS = ["backup", "damage", "report", "verify", "trial", "verified", "site", "drill"];
const root = mkdtempSync(join(tmpdir(), "plimsoll-sidecar-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  for (const folder of ["run", "trial"]) {
    rmSync(join(root, folder), { recursive: true, force: true });
    mkdirSync(join(root, folder));
  }
});

/** A function of the sidecar. `pgbackrest` is the body of a script: `$*` is what it was asked. */
function sidecar(pgbackrest: string, ...words: string[]) {
  const fake = join(root, "pgbackrest");
  writeFileSync(fake, `#!/bin/bash\n${pgbackrest}\n`);
  chmodSync(fake, 0o755);
  const script = [
    "set -Eeuo pipefail",
    `run=${root}/run trial=${root}/trial metrics=${root} stanza=main busy=0`,
    ...PARTS.map((part) => `. ${packageRoot}/templates/postgres/share/${part}.bash`),
    '"$@"',
  ].join("\n");
  const env = { ...process.env, PATH: `${root}:${process.env.PATH}` };
  const { status, stdout, stderr } = spawnSync("bash", ["-c", script, "test", ...words], {
    env,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const says = (pgbackrest: string) => JSON.parse(sidecar(pgbackrest, "report", "").stdout);
const put = (path: string, value: object) => {
  for (const folder of ["results", "data"])
    if (path.startsWith(folder)) mkdirSync(join(root, "trial", folder), { recursive: true });
  writeFileSync(join(root, "trial", path), JSON.stringify(value));
};
const kept = (path: string) => JSON.parse(readFileSync(join(root, "trial", path), "utf8"));

const INFO = JSON.stringify([
  {
    archive: [{ id: "18-1", database: { id: 1 } }],
    backup: [{ label: "20261128-033000F" }],
    status: { code: 0 },
  },
]);
const names = (positions: readonly number[]) =>
  Object.fromEntries(
    positions.map((at) => {
      const part = (value: number) => value.toString(16).toUpperCase().padStart(8, "0");
      const folder = `00000001${part(Math.floor(at / 256))}`;
      return [
        `${folder}/${folder}${part(at % 256)}-${"a".repeat(40)}.zst`,
        { type: "file", time: 1000 + at },
      ];
    }),
  );
const archive = (files: object, history = "") => `
case "$*" in
  *"info --output=json"*) echo '${INFO}' ;;
  *repo-ls*) echo '${JSON.stringify({ ".": { type: "path" }, ...files })}' ;;
  *repo-get*) printf '${history}' ;;
esac`;

describe("report", () => {
  it("makes ranges of segments, also where their names look like numbers", () => {
    const positions = [...Array(300).keys()].map((at) => at + 1).concat([305, 306]);
    const { archives, error } = says(
      archive({
        ...names(positions),
        "0000000100000000/000000010000000000000003.00000028.backup": { type: "file", time: 1 },
        [`0000000100000000/000000010000000000000307.partial-${"a".repeat(40)}.zst`]: {
          type: "file",
          time: 1,
        },
      }),
    );
    expect(error).toBe("");
    expect(archives).toEqual([
      {
        id: "18-1",
        history: "",
        ranges: [
          {
            first: "000000010000000000000001",
            last: "00000001000000010000002C",
            count: 300,
            from: 1001,
            to: 1300,
          },
          {
            first: "000000010000000100000031",
            last: "000000010000000100000032",
            count: 2,
            from: 1305,
            to: 1306,
          },
        ],
      },
    ]);
  });

  it("brings the newest timeline's history, and nothing of an empty archive", () => {
    const files = { "00000002.history": { type: "file" }, "00000003.history": { type: "file" } };
    const { archives } = says(archive(files, "1\\t0/A800000\\tx\\n2\\t0/B800000\\tx\\n"));
    expect(archives).toEqual([{ id: "18-1", ranges: [], history: "1\t0/A800000\tx\n2\t0/B800000\tx" }]);
  });

  it("reads what a wrong key made of a name", () => {
    const said = says(`[[ $* != *info* ]] || printf '[{"status":{"code":99,"message":"key \\001\\012?"}}]'`);
    expect(said.info).toEqual([{ status: { code: 99, message: "key ?" } }]);
  });

  it("says in pgBackRest's words why it knows nothing", () => {
    const said = says('echo "ERROR: [103]: unable to find a valid repository" >&2; exit 103');
    expect(said).toMatchObject({
      info: [],
      archives: [],
      error: "ERROR: [103]: unable to find a valid repository",
    });
    const listing = says(`[[ $* != *repo-ls* ]] || { echo "ERROR: [39]: no" >&2; exit 39; }; echo '${INFO}'`);
    expect(listing).toMatchObject({ archives: [], error: "ERROR: [39]: no" });
  });

  it("knows what is at work by its lock alone, and leaves out what cannot be read", () => {
    put("results/20261128-033000F.json", { label: "20261128-033000F" });
    writeFileSync(join(root, "trial/results/broken.json"), '{"label":');
    const locked = sidecar(archive({}), "eval", 'exec 7>"$run/verify.lock"; flock -n 7; report ""');
    expect(JSON.parse(locked.stdout)).toMatchObject({
      verified: [{ label: "20261128-033000F" }],
      running: { backup: false, verify: true },
    });
    expect(says(archive({})).running).toEqual({ backup: false, verify: false });
  });
});

describe("figures", () => {
  const figures = (code: number) => {
    const info = [
      {
        repo: [{ key: 1, status: { code } }],
        backup:
          code === 99
            ? []
            : [{ type: "full", timestamp: { start: 1, stop: 5 }, info: { size: 7 }, database: {} }],
      },
    ];
    return sidecar(
      "",
      "eval",
      `backup_figures <<<'${JSON.stringify(info)}'; repository_figures '' <<<'${JSON.stringify(info)}'`,
    ).stdout;
  };

  it("say of each repository what it holds, and nothing of one that cannot be read", () => {
    expect(figures(0)).toContain('plimsoll_backup_count{what="postgres",repository="local"} 1\n');
    expect(figures(0)).toContain(
      'plimsoll_backup_duration_seconds{what="postgres",repository="local",type="full"} 4\n',
    );
    expect(figures(0)).toContain('plimsoll_backup_repository_failed{what="postgres",repository="local"} 0\n');
    expect(figures(99)).not.toContain("plimsoll_backup_count{");
    expect(figures(99)).toContain(
      'plimsoll_backup_repository_failed{what="postgres",repository="local"} 1\n',
    );
  });
});

describe("how far a repository is behind", () => {
  const behind = (written: string, last: string, history = "") => {
    const wal = join(root, "trial/nodes/postgres-1/18/docker/pg_wal");
    mkdirSync(wal, { recursive: true });
    if (history !== "") writeFileSync(join(wal, `${written.slice(0, 8)}.history`), history);
    const words = `nodes=${root}/trial/nodes PG_MAJOR=18 primary=postgres-1; behind ${written} ${last}`;
    return sidecar("", "eval", words);
  };
  const on = (timeline: number, at: number) =>
    `0000000${timeline}00000000000000${at.toString(16).toUpperCase().padStart(2, "0")}`;
  const WAYS = "1\t0/5000300\tno recovery target specified\n2\t0/8000300\tbefore 2026-11-28\n";

  it.each([
    ["one timeline", on(1, 12), on(1, 9), "", 2],
    ["a segment that came in meanwhile", on(1, 12), on(1, 12), "", 0],
    ["a restore in place that took back what is archived further", on(4, 10), on(2, 200), WAYS, 2],
    ["one that came just now", on(4, 8), on(2, 200), WAYS, 0],
    ["an undo: what it left behind is on no way to now", on(4, 10), on(3, 2), WAYS, 2],
    ["a promotion, before which the archive had stopped", on(4, 10), on(1, 2), WAYS, 7],
  ])("is counted on the primary's way alone: %s", (_, written, last, history, expected) => {
    expect(behind(written, last, history)).toMatchObject({ status: 0, stdout: `${expected}\n` });
  });

  it("is not said where the way is not known", () => {
    expect(behind(on(4, 10), on(2, 200))).toMatchObject({ status: 1, stdout: "" });
  });

  it("asks for the last segment of some timelines alone", () => {
    const at = (text: string, time: number) => ({
      [`${text.slice(0, 16)}/${text}-${"a".repeat(40)}.zst`]: { type: "file", time },
    });
    const files = archive({ ...at(on(1, 9), 1), ...at(on(2, 7), 2), ...at(on(3, 5), 3) });
    expect(sidecar(files, "archive_last", "1").stdout).toBe(`${on(3, 5)}\n`);
    expect(sidecar(files, "archive_last", "1", `${on(1, 0).slice(0, 8)} 00000002 00000004`).stdout).toBe(
      `${on(2, 7)}\n`,
    );
  });
});

describe("the first backup", () => {
  const backup = (number: number, error: boolean) => ({ error, database: { "repo-key": number } });
  const has = (...backups: object[]) =>
    sidecar(
      `echo '${JSON.stringify([{ backup: backups }])}'`,
      "eval",
      "PLIMSOLL_REPOSITORIES='1:local 2:s3'; every_repository_has_one",
    ).status;

  it("is wanted until each repository has one, be it over a bad page", () => {
    expect(has(backup(1, false), backup(2, true))).toBe(0);
    expect(has(backup(1, false))).toBe(1);
  });
});

it("is ready without a repository that does not open where another has a good backup", () => {
  const ready = (codes: number[], ...backups: object[]) =>
    sidecar(
      `echo '${JSON.stringify([{ repo: codes.map((code, at) => ({ key: at + 1, status: { code } })), backup: backups }])}'`,
      "eval",
      "rm -f $run/ready; write_metrics() { :; }; ready_without; [[ -e $run/ready ]]",
    ).status;
  const backup = (number: number, error = false) => ({ error, database: { "repo-key": number } });
  expect(ready([0, 99], backup(1))).toBe(0);
  expect(ready([0, 99], backup(1, true))).toBe(1);
  expect(ready([0, 99])).toBe(1);
  expect(ready([0, 0], backup(1))).toBe(1);
});

it("keeps the result of a repository that was left out", () => {
  const { stdout } = sidecar(
    "",
    "eval",
    `PLIMSOLL_REPOSITORIES='1:local 2:s3'; write_results $'local 0\\ns3 1\\n'; write_results $'local 1\\n'
    grep -h last_run $metrics/backup-postgres-result.prom; PLIMSOLL_REPOSITORIES='1:s3'; write_results ''
    grep -h _failed{ $metrics/backup-postgres-result.prom`,
  );
  expect(stdout.replaceAll(/ \d{10}$/gm, " NOW").split("\n")).toEqual([
    "# HELP plimsoll_backup_last_run_timestamp_seconds When a backup was last tried.",
    "# TYPE plimsoll_backup_last_run_timestamp_seconds gauge",
    'plimsoll_backup_last_run_timestamp_seconds{what="postgres",repository="local"} NOW',
    'plimsoll_backup_last_run_timestamp_seconds{what="postgres",repository="s3"} NOW',
    "# HELP plimsoll_backup_last_run_failed 1 where the last try failed.",
    "# TYPE plimsoll_backup_last_run_failed gauge",
    'plimsoll_backup_last_run_failed{what="postgres",repository="local"} 1',
    'plimsoll_backup_last_run_failed{what="postgres",repository="s3"} 1',
    'plimsoll_backup_last_run_failed{what="postgres",repository="s3"} 1',
    "",
  ]);
});

describe("what is kept of a verification", () => {
  const running = (over: object = {}) =>
    put("running.json", {
      label: "20261128-033000F",
      newest: true,
      started: 100,
      outcome: "passed",
      said: "",
      ...over,
    });
  const conclude = () => expect(sidecar(archive({}), "conclude")).toMatchObject({ status: 0, stderr: "" });
  const figures = () => sidecar("", "verify_figures").stdout;

  it("is its end, by label, and figures of the newest", () => {
    running();
    conclude();
    expect(kept("results/20261128-033000F.json")).toMatchObject({ outcome: "passed", started: 100 });
    expect(readdirSync(join(root, "trial")).sort()).toEqual(["newest.json", "results"]);
    expect(figures()).toMatch(/last_run_failed\{what="postgres"\} 0$/m);
    expect(figures()).toMatch(/label_info\{what="postgres",label="20261128-033000F"\} 1$/m);
    expect(figures()).toMatch(/last_success_timestamp_seconds\{what="postgres"\} \d{10}$/m);
  });

  it("is a failure beside the last success, which stays", () => {
    running();
    conclude();
    const { succeeded } = kept("newest.json");
    running({ outcome: "failed", said: "no" });
    conclude();
    expect(kept("newest.json")).toMatchObject({ outcome: "failed", succeeded });
    expect(figures()).toMatch(/last_run_failed\{what="postgres"\} 1$/m);
    expect(figures()).toContain(`last_success_timestamp_seconds{what="postgres"} ${succeeded}`);
  });

  it("is no figure where it was cut short, was of an older one, or never succeeded", () => {
    running({ outcome: "unfinished" });
    conclude();
    expect(kept("results/20261128-033000F.json").outcome).toBe("unfinished");
    expect(figures()).toBe("");
    running({ newest: false });
    conclude();
    expect(figures()).toBe("");
    running({ outcome: "failed" });
    conclude();
    expect(figures()).not.toContain("last_success");
  });

  it("is nothing about a backup where the repository does not open, before or after the failure", () => {
    const repo = (code: number) => [{ repo: [{ key: 1, status: { code, message: "no answer" } }] }];
    const prove = (body: string) => {
      sidecar(body, "eval", 'prove "" 1 || true');
      return kept("running.json");
    };
    for (const body of ['echo "ERROR: no answer" >&2; exit 49', `echo '${JSON.stringify(repo(99))}'`])
      expect(prove(body)).toMatchObject({
        outcome: "unfinished",
        said: expect.stringMatching(/does not open: .*no answer$/),
      });
    expect(prove(`echo '${JSON.stringify(repo(0))}'`)).toMatchObject({
      outcome: "failed",
      said: "there is no backup yet",
    });
    for (const [code, outcome] of [
      [0, "failed"],
      [99, "unfinished"],
    ] as const) {
      running({ outcome: "failed" });
      sidecar(`echo '${JSON.stringify(repo(code))}'`, "still_opens", "1");
      expect(kept("running.json").outcome).toBe(outcome);
    }
  });

  it("is of the repositories that there are now", () => {
    running({ kind: "local" });
    conclude();
    running({ repository: 2, kind: "s3", outcome: "failed" });
    conclude();
    const of = (repositories: string) => {
      const { stdout } = sidecar("", "eval", `PLIMSOLL_REPOSITORIES='${repositories}'; verify_figures`);
      return [...(stdout.match(/^plimsoll_backup_verify_last_run_failed.*$/gm) ?? [])].sort();
    };
    expect(of("1:local 2:s3")).toEqual([
      'plimsoll_backup_verify_last_run_failed{what="postgres",repository="local"} 0',
      'plimsoll_backup_verify_last_run_failed{what="postgres",repository="s3"} 1',
    ]);
    expect(of("1:local")).toEqual(['plimsoll_backup_verify_last_run_failed{what="postgres"} 0']);
    expect(of("1:s3")).toEqual([]);
    running({ kind: "s3", outcome: "failed" });
    conclude();
    expect(kept("newest.json").succeeded).toBeNull();
  });

  it("goes with its backup, and stays where nobody can say what there is", () => {
    put("results/20250101-033000F.json", {});
    running();
    expect(sidecar("exit 1", "conclude").status).toBe(0);
    expect(readdirSync(join(root, "trial/results"))).toHaveLength(2);
    running();
    conclude();
    expect(readdirSync(join(root, "trial/results"))).toEqual(["20261128-033000F.json"]);
  });

  it("is thrown away with its files, whoever has the number of its server by now", () => {
    put("data/postmaster.pid", {});
    running({ outcome: "unfinished" });
    writeFileSync(join(root, "trial/data/postmaster.pid"), `${process.pid}\n`);
    expect(sidecar(archive({}), "clear_left_over")).toMatchObject({ status: 0, stderr: "" });
    expect(readdirSync(join(root, "trial")).sort()).toEqual(["results"]);
  });

  it("is left alone where it is still running", () => {
    running({ outcome: "unfinished" });
    sidecar(archive({}), "eval", 'exec 9>"$run/verify.lock"; flock -n 9; clear_left_over');
    expect(readdirSync(join(root, "trial"))).toContain("running.json");
  });
});

it("is clean to shellcheck where that is at hand", ({ skip }) => {
  const paths = [
    "templates/postgres/bin/plimsoll-backup",
    "templates/postgres/bin/plimsoll-fetch",
    ...PARTS.map((part) => `templates/postgres/share/${part}.bash`),
  ];
  const checked = spawnSync("shellcheck", ["--shell=bash", "--severity=warning", "-"], {
    input: paths.map(readOwn).join("\n"),
    encoding: "utf8",
  });
  if (checked.error) return skip("no shellcheck");
  expect(checked.stdout).toBe("");
});

describe("damage", () => {
  const figures = (...backups: object[]) =>
    sidecar("exit 1", "eval", `PLIMSOLL_NODES=; damage_figures <<<'${JSON.stringify([{ backup: backups }])}'`)
      .stdout;
  const backup = (stop: number, error: boolean) => ({ label: String(stop), error, timestamp: { stop } });

  it("is what the newest backup met, whatever older ones did", () => {
    expect(figures(backup(1, false), backup(2, true))).toContain(
      'plimsoll_backup_damaged{what="postgres"} 1\n',
    );
    expect(figures(backup(2, true), backup(3, false))).toContain(
      'plimsoll_backup_damaged{what="postgres"} 0\n',
    );
  });

  it("is not known without a backup", () => {
    expect(figures()).not.toContain("plimsoll_backup_damaged{");
  });
});
