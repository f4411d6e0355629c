/** Whether a node is still of the site that writes: by its id, and by what the bucket says. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { eachInItsFolder } from "../../testing/folder.ts";

const folder = eachInItsFolder();
const at = (name: string) => join(folder.path, name);

/** @param id of the site @param bucket body of what answers for pgBackRest */
function supersededBy(id: string, bucket: string) {
  mkdirSync(at("bin"), { recursive: true });
  writeFileSync(at("bin/pgbackrest"), `#!/bin/bash\n${bucket}\n`);
  chmodSync(at("bin/pgbackrest"), 0o755);
  writeFileSync(at("site"), id);
  writeFileSync(at("pgbackrest.conf"), "[global]\nrepo1-type=s3\nrepo1-path=/shop/postgres\n");
  const text = ["bucket", "site"]
    .map((part) => readFileSync(resolve(`templates/postgres/share/${part}.bash`), "utf8"))
    .join("\n")
    .replaceAll("/run/secrets/backup_site", at("site"));
  const { status, stdout } = spawnSync("bash", ["-c", `${text}\nsuperseded_by`], {
    encoding: "utf8",
    env: {
      ...process.env,
      PATH: `${at("bin")}:${process.env.PATH}`,
      PGBACKREST_CONFIG: at("pgbackrest.conf"),
    },
  });
  return { is: status === 0, said: stdout.trim() };
}

const active = (id: string) =>
  `echo '{"format":1,"id":"${id}","host":"deploy@203.0.113.8","since":"2026-11-28T17:00:00Z"}'`;

it("is another's where the bucket names another, and its own where it names nobody or itself", () => {
  expect(supersededBy("own00000", active("other000"))).toEqual({
    is: true,
    said: "deploy@203.0.113.8 since 2026-11-28T17:00:00Z",
  });
  expect(supersededBy("own00000", active("own00000")).is).toBe(false);
  expect(supersededBy("own00000", "exit 0").is).toBe(false);
  expect(supersededBy("own00000", "exit 82").is).toBe(false);
});

it("is never the one that writes on a disaster drill's host, whatever the bucket says", () => {
  for (const bucket of ["exit 0", "exit 82", active("own00000")])
    expect(supersededBy("drill0123456789", bucket)).toEqual({
      is: true,
      said: "of which this host is a disaster drill",
    });
});
