/** What a node that comes out of the repository takes for the log's end, with a pgBackRest that ends as a test wants. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { eachInItsFolder } from "../../testing/folder.ts";

const folder = eachInItsFolder();
const at = (name: string) => join(folder.path, name);

function run(pgbackrest: string, command: string, args: string[]) {
  writeFileSync(at("pgbackrest"), `#!/bin/bash\n${pgbackrest}\n`);
  chmodSync(at("pgbackrest"), 0o755);
  const env = { ...process.env, PATH: `${folder.path}:${process.env.PATH}`, PLIMSOLL_SAID: at("said") };
  const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: "utf8" });
  return { status, stdout, stderr };
}

const LAST = "000000020000000000000009";
function fetch(code: number, segment: string, end = at("end")) {
  writeFileSync(at("end"), `${LAST}\n`);
  return run(`exit ${code}`, resolve("templates/postgres/bin/plimsoll-fetch"), [
    ...[end, "--stanza=main", "archive-get", segment, "pg_wal/RECOVERYXLOG"],
  ]).status;
}

it("takes no fault of the bucket for the end of the log", () => {
  for (const code of [25, 29, 63, 82, 103, 125]) expect(fetch(code, LAST, "-")).toBe(255);
  expect(readFileSync(at("said"), "utf8")).toMatch(/^0{7}2.* cannot be fetched: pgBackRest ended with 125/);
  expect(fetch(0, LAST)).toBe(0);
});

it("is not at the end where a segment in the middle is missing", () => {
  expect(fetch(1, "000000020000000000000008")).toBe(255);
  expect(readFileSync(at("said"), "utf8")).toContain(`is not in the archive, which goes on until ${LAST}`);
  expect(fetch(1, "00000002000000000000000A")).toBe(1);
  expect(fetch(1, "000000030000000000000008")).toBe(1);
  expect(fetch(1, "00000003.history")).toBe(1);
  // Nobody knows of an end, or a person put it aside.
  expect(fetch(1, "000000020000000000000008", "-")).toBe(1);
});

function recover(restore: string, activation = "") {
  mkdirSync(at("volume"), { recursive: true });
  writeFileSync(at("volume/recover"), activation);
  const info = [
    {
      db: [{ id: 1 }, { id: 2 }],
      archive: [
        { database: { id: 1 }, max: "000000090000000000000001" },
        { database: { id: 2 }, max: LAST },
      ],
      backup: ["20261127-033000F", "20261128-033000F"].map((label, stop) => ({ label, timestamp: { stop } })),
    },
  ];
  writeFileSync(at("info"), JSON.stringify(info));
  const script = `set -Eeuo pipefail
    volume=$1/volume run=$1 PGDATA=$1/volume/18/docker
    . "$2/postgres.bash"; . "$2/recover.bash"; . "$2/follow.bash"
    recover_cluster; cat "$volume/recovered"`;
  const body = `[[ $* != *info* ]] || exec cat ${at("info")}\necho "$*" >>${at("asked")}\n${restore}`;
  return run(body, "bash", ["-c", script, "-", folder.path, resolve("templates/postgres/share")]);
}

it("takes an older backup where the newest is of a timeline that was left", () => {
  const refusal =
    "ERROR: [058]: target timeline 3 forked from backup timeline 2 at 0/3 which is before backup lsn";
  const { status, stdout, stderr } = recover(
    `[[ $* == *20261127* ]] || { echo "${refusal}"; exit 58; }\necho "INFO: repo1: restore backup set 20261127-033000F, recovery"`,
  );
  expect(status, stderr).toBe(0);
  expect(stdout).toBe("20261127-033000F\n");
  expect(readFileSync(at("volume/recovered.end"), "utf8")).toBe(`${LAST}\n`);
  expect(existsSync(at("volume/recover"))).toBe(false);
});

it("writes down for which activation it was, below the backup", () => {
  const { stdout, stderr } = recover(
    'echo "INFO: repo1: restore backup set 20261128-033000F, recovery"',
    "a1b2c3\n",
  );
  expect(stdout, stderr).toBe("20261128-033000F\na1b2c3\n");
});

it("takes no older one for any other fault", () => {
  const { status, stderr } = recover('echo "ERROR: [049]: unable to connect"; exit 49');
  expect(status).toBe(1);
  expect(stderr).toContain("unable to connect");
  expect(readFileSync(at("asked"), "utf8").trim().split("\n")).toHaveLength(1);
});
