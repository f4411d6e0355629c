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
    sidecar(`echo '${JSON.stringify([{ backup: backups }])}'`, "eval", "PLIMSOLL_NODES=; damage_figures")
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
