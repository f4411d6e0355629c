/** The sidecar of files on a host that comes back after another took over, with a bucket that says what a test wants. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { eachInItsFolder } from "../../testing/folder.ts";

const folder = eachInItsFolder();
const at = (name: string) => join(folder.path, name);

/** @param curl body of a script that answers for the bucket @param id of the site */
function sidecar(command: string, curl: string, id = "own00000") {
  for (const name of ["run", "recovery", "bin"]) mkdirSync(at(name), { recursive: true });
  writeFileSync(at("credentials"), "aws_access_key_id = K\naws_secret_access_key = S\n");
  writeFileSync(at("site"), id);
  writeFileSync(at("recovery/20261128T161500Z.tar.age"), "sealed");
  writeFileSync(
    at("bin/curl"),
    `#!/bin/bash\ncat >/dev/null\necho "$*" >>${at("curl.log")}\n[[ $* == *active.json ]] || exit 0\n${curl}\n`,
  );
  writeFileSync(at("bin/restic"), `#!/bin/bash\necho "$*" >>${at("restic.log")}\n`);
  for (const name of ["curl", "restic"]) chmodSync(at(`bin/${name}`), 0o755);
  writeFileSync(at("sources"), "");
  for (const name of ["restic.log", "curl.log", "recovery/.uploaded"]) rmSync(at(name), { force: true });
  const own = readFileSync(resolve("templates/backup/plimsoll-backup-files"), "utf8")
    .replace("run=/run/plimsoll", `run=${at("run")}`)
    .replace("metrics=/metrics", `metrics=${folder.path}`)
    .replace("sources=/etc/plimsoll-backup/sources", `sources=${at("sources")}`)
    .replace(/^case .*1-run.* in$/m, `recovery=${at("recovery")}\n$&`);
  const { status, stdout, stderr } = spawnSync("bash", ["-c", own, "sidecar", command], {
    encoding: "utf8",
    env: {
      ...process.env,
      ...{ PATH: `${at("bin")}:${process.env.PATH}`, PLIMSOLL_SHARE: resolve("templates/backup/share") },
      ...{ PLIMSOLL_S3_URL: "https://s3.test/shop", PLIMSOLL_S3_PREFIX: "shop/recovery/" },
      ...{ PLIMSOLL_SITE: at("site"), AWS_SHARED_CREDENTIALS_FILE: at("credentials") },
      ...{ AWS_DEFAULT_REGION: "r", PLIMSOLL_KEEP: "7d", PLIMSOLL_STACK: "shop", RESTIC_REPOSITORY: "s3:x" },
    },
  });
  return { status, said: stdout + stderr };
}

const active = (id: string) =>
  `echo '{"format":1,"id":"${id}","host":"deploy@203.0.113.8","since":"2026-11-28T17:00:00Z"}'`;

for (const command of ["backup", "upload"]) {
  it(`makes no ${command} where another site took over`, () => {
    const { status, said } = sidecar(command, active("other000"));
    expect(status, said).toBe(1);
    expect(said).toContain("another site took over, deploy@203.0.113.8 since 2026-11-28T17:00:00Z");
    expect(existsSync(at("restic.log"))).toBe(false);
    expect(readFileSync(at("curl.log"), "utf8").trim().split("\n")).toHaveLength(1);
  });

  it(`makes no ${command} on a disaster drill's host, without asking anybody`, () => {
    const { status, said } = sidecar(command, "exit 22", "drill0123456789");
    expect(status, said).toBe(1);
    expect(said).toContain("this host is a disaster drill");
    expect(existsSync(at("restic.log"))).toBe(false);
    expect(existsSync(at("curl.log"))).toBe(false);
  });

  it(`goes on with the ${command} where it is the site itself, nobody is named, or the bucket is away`, () => {
    for (const curl of [active("own00000"), "exit 22", "exit 7"]) {
      const { said } = sidecar(command, curl);
      expect(said).not.toContain("took over");
      const wrote = command === "backup" ? existsSync(at("restic.log")) : said.includes("is in the bucket");
      expect(wrote, said).toBe(true);
    }
  });
}
