/** The bash of the sidecar for files, with a restic that says what a test wants. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
