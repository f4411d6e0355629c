import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, it } from "vitest";
import { eachInItsFolder } from "../../generator/testing/folder.ts";
import { withKeys } from "./lay.ts";

const folder = eachInItsFolder();
const at = (path: string) => join(folder.path, path);
const has = (path: string) => readFileSync(at(path), "utf8");

it("puts the keys that a person gave wherever the bundle has its own", () => {
  const secrets = Object.entries({
    backup_s3_key: "OLD",
    backup_s3_secret: "old",
    backup_cipher_pass: "pass",
    backup_pgbackrest: "[global]\nrepo2-s3-key=OLD\nrepo2-s3-key-secret=old\nrepo2-cipher-pass=pass\n",
    backup_restic_credentials: "[default]\naws_access_key_id = OLD\naws_secret_access_key = old\n",
  }).map(([path, text]) => ({ path, mode: 0o444, content: Buffer.from(text) }));
  const keys = { key: "NEW$1", secret: "new/$&+" };
  expect(Object.fromEntries(withKeys(secrets, keys).map(({ path, content }) => [path, content]))).toEqual({
    backup_s3_key: "NEW$1",
    backup_s3_secret: "new/$&+",
    backup_pgbackrest: "[global]\nrepo2-s3-key=NEW$1\nrepo2-s3-key-secret=new/$&+\nrepo2-cipher-pass=pass\n",
    backup_restic_credentials: "[default]\naws_access_key_id = NEW$1\naws_secret_access_key = new/$&+\n",
  });
});

function lay(key: string, name = "recovery.json", release = "v1") {
  const files = {
    [`state/releases/${release}/state`]: "superseded",
    "secrets/backup_s3_key": "OLD",
    "keys/backup_s3_key": key,
    [name]: JSON.stringify({ release }),
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(at(`state/incoming-1/${path}`)), { recursive: true });
    writeFileSync(at(`state/incoming-1/${path}`), text);
  }
  const args = [resolve("operator/recovery/lay.bash"), at("state"), at("secrets"), name];
  return spawnSync("bash", args, { cwd: at("state/incoming-1"), encoding: "utf8" }).status;
}

it("gives a second run's keys to what the first laid", () => {
  for (const key of ["FIRST", "SECOND"]) {
    expect(lay(key)).toBe(0);
    expect(has("secrets/backup_s3_key")).toBe(key);
    expect(existsSync(at("state/incoming-1"))).toBe(false);
  }
});

it("leaves no secrets on their way where a release is current", () => {
  mkdirSync(at("state"));
  writeFileSync(at("state/current"), "v1");
  expect(lay("FIRST")).toBe(76);
  expect(existsSync(at("state/incoming-1"))).toBe(false);
  expect(existsSync(at("secrets"))).toBe(false);
});

it("lays a bundle anew for a site that follows, and an activation over it", () => {
  for (const release of ["v1", "v2"]) {
    expect(lay(`KEY-${release}`, "follow.json", release)).toBe(0);
    expect(readdirSync(at("state/releases"))).toEqual([release]);
    expect(has("state/follow.json")).toContain(release);
    expect(has("secrets/backup_s3_key")).toBe(`KEY-${release}`);
  }
  expect(lay("NEW", "recovery.json", "v3")).toBe(0);
  expect(readdirSync(at("state/releases"))).toEqual(["v3"]);
  expect(readdirSync(at("state")).sort()).toEqual(["recovery.json", "releases", "work.lock"]);
  expect(readdirSync(folder.path).filter((name) => name.startsWith("secrets"))).toEqual(["secrets"]);
  // What was begun as the site that writes follows nobody.
  expect(lay("LATE", "follow.json", "v4")).toBe(77);
  expect(readdirSync(at("state/releases"))).toEqual(["v3"]);
  expect(has("secrets/backup_s3_key")).toBe("NEW");
});
