/** Recovery bundles and kept images, from a droplet into a bucket over TLS: what brings a stack back without its host. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backups, Files } from "../../operator/database/backups.ts";
import { type Bundle, fetchBundle, listBundles, openBundle } from "../../operator/recovery/bundle.ts";
import { makeKey, type RecoveryKey, readKey } from "../../operator/recovery/key.ts";
import type { Store, StoreKeys } from "../../operator/recovery/s3.ts";
import { type DeploySite, LIVE, openDeploySite } from "./deploy-site.ts";
import { engineOrSkip } from "./engine.ts";
import { inLongIt } from "./long.ts";
import { type S3, startS3 } from "./s3.ts";
import { eventually } from "./wait.ts";

const PROJECT = "rolling-production";
const SECRETS = `/srv/plimsoll/${PROJECT}/secrets/production`;

describe.skipIf(!(await engineOrSkip()))("recovery", () => {
  let site: DeploySite;
  let s3: S3;
  let key: RecoveryKey;
  let store: Store;
  let keys: StoreKeys;

  beforeAll(async () => {
    // One after the other, and once more: on a busy machine the service takes long to answer.
    s3 = await startS3({ name: "recovery" }).catch(() => startS3({ name: "recovery" }));
    site = await openDeploySite("recovery");
    const made = await site.must(["dr", "key", "--out", join(site.folder, "key.txt")]);
    expect(made.stderr).toContain("KEEP THIS FILE ELSEWHERE");
    key = await readKey(await readFile(join(site.folder, "key.txt"), "utf8"), "key.txt");
    expect(made.stdout).toBe(`backup:\n  recipient: ${key.recipient}`);
    const ca = await readFile(s3.ca, "utf8");
    await writeFile(join(site.stack, "s3.pem"), ca);
    const { endpoint, region, bucket } = s3;
    await site.setProduction({
      backup: {
        recipient: key.recipient,
        repository: { s3: { endpoint, region, bucket, ca: "s3.pem" } },
        schedule: "0 0 1 1 *",
      },
    });
    store = { endpoint, region, bucket, ca, path: `/${PROJECT}`, style: "path" };
    keys = { key: s3.accessKey, secret: s3.secretKey };
    const given = { backup_s3_key: s3.accessKey, backup_s3_secret: s3.secretKey };
    for (const [name, input] of Object.entries(given))
      await site.must(["secrets", "production", "set", name, "--stdin", "--yes"], { input });
  });
  afterAll(async () => {
    await Promise.all([site?.close(), s3?.stop()]);
  });

  const sidecar = (script: string) =>
    site.attempt(
      `docker exec -i $(docker ps -q --filter label=com.docker.compose.project=${PROJECT} --filter label=com.docker.compose.service=backup-files | head -n 1) bash -c '${script}'`,
    );
  const files = async () => {
    const { stdout } = await site.must(["backup", "production", "list", "--json"]);
    return (JSON.parse(stdout) as Backups).files as Files;
  };
  const figures = async () => {
    const { stdout } = await sidecar("cat /metrics/backup-recovery.prom");
    const of = (name: string) =>
      Number(new RegExp(`^plimsoll_recovery_${name} (\\d+)$`, "m").exec(stdout)?.[1]);
    return {
      wanted: of("wanted_timestamp_seconds"),
      host: of('bundle_timestamp_seconds\\{where="host"\\}'),
      bucket: of('bundle_timestamp_seconds\\{where="bucket"\\}'),
    };
  };
  const newest = async (): Promise<Bundle> =>
    openBundle(await fetchBundle(store, keys), key.identity, { stack: "rolling", environment: "production" });

  it("a deploy makes a bundle, and it comes into the bucket by itself", async () => {
    const { stderr } = await site.deploy("--images", "debian");
    expect(stderr).toMatch(/^ok +recovery bundle +[\d.]+ s +20\d{6}T\d{6}Z\.tar\.age$/m);
    console.log(/^ok +recovery bundle.*$/m.exec(stderr)?.[0]);
    await eventually(async () => expect(await listBundles(store, keys)).toHaveLength(1), 60);
    const { recovery } = await files();
    expect(recovery).toMatchObject({
      bucket: true,
      uploaded: recovery?.newest,
      wanted: recovery?.newest,
      error: "",
    });
    const { wanted, host, bucket } = await figures();
    expect([host, bucket]).toEqual([wanted, wanted]);
    expect((await site.must(["backup", "production", "list"])).stdout).toMatch(
      /^recovery bundle .*, in the bucket$/m,
    );
  });

  it("opens with the key alone: secrets, files and state as they are on the host", async () => {
    const { name, bytes } = await fetchBundle(store, keys);
    const { meta, secrets, generated, state } = await newest();
    expect(meta).toMatchObject({ stack: "rolling", project: PROJECT, release: "v1", host: "droplet" });
    const names = (await site.exec(`cd ${SECRETS} && stat -c '%a %n' * .[a-z]*`)).trim().split("\n").sort();
    const plain = secrets.filter(({ path }) => !path.endsWith("/"));
    expect(plain.map(({ path, mode = 0 }) => `${mode.toString(8)} ${path}`).sort()).toEqual(names);
    for (const { path, content } of plain) {
      const value = await site.exec(`cat ${SECRETS}/${path}`);
      // What the outer engine prints ends without its last line break.
      expect(String(content).trimEnd(), path).toBe(value.trimEnd());
      if (value.length >= 8) expect(Buffer.from(bytes).includes(value.trim()), path).toBe(false);
    }
    const live = (await site.exec(`cd ${LIVE} && find . -type f -printf '%P\\n'`)).trim().split("\n").sort();
    expect(generated.flatMap(({ path }) => (path.endsWith("/") ? [] : [path])).sort()).toEqual(live);
    const compose = generated.find(({ path }) => path === "compose.yaml");
    expect(String(compose?.content).trimEnd()).toBe((await site.exec(`cat ${LIVE}/compose.yaml`)).trimEnd());
    for (const path of ["current", "audit.log", "releases/v1/source/stack.yaml", "releases/v1/release.json"])
      expect(state.map((file) => file.path)).toContain(path);
    expect(state.filter(({ path }) => /secrets-before|context/.test(path))).toEqual([]);
    // Nothing of it is left on the host in the open.
    expect(
      (await site.attempt("find / -xdev -name 'plimsoll.json*' -not -path '/proc/*'")).stdout.trim(),
    ).toBe("");
    console.log(`${name}: ${bytes.length} bytes`);
  });

  it("keeps the application's image, and gives it back as it was", async () => {
    const ref = (
      await site.exec(
        `grep -h rolling ${LIVE}/../../state/releases/v1/images | grep -v ^plimsoll/ | head -n 1`,
      )
    ).trim();
    await eventually(async () => expect((await files()).images.map((one) => one.ref)).toEqual([ref]), 120);
    const id = (await site.exec(`docker image inspect --format '{{.Id}}' ${ref}`)).trim();
    const loaded = await sidecar(
      "restic --no-cache $PLIMSOLL_RESTIC_OPTIONS dump --host images latest /image.tar | tar -xOf - manifest.json",
    );
    expect(loaded.stdout, loaded.stderr).toContain(id.replace("sha256:", ""));
    const { size } = (await files()).images[0] ?? {};
    console.log(await site.exec(`cat ${LIVE}/../../state/images.log`), size);
    // The same once more costs nothing.
    await site.must(["config", "production", "set", "TURN=1", "--yes"]);
    await eventually(async () => expect((await site.read("images.log")).trim()).toMatch(/kept in/), 60);
    expect((await files()).images).toHaveLength(1);
  });

  inLongIt("a bucket that is away keeps no release up: it is said, and made good afterwards", async () => {
    await s3.cut("refused");
    try {
      const { stderr } = await site.must(["config", "production", "set", "TURN=2", "--yes"]);
      expect(stderr).toMatch(/^ok +recovery bundle/m);
      await eventually(async () => {
        const { wanted, host, bucket } = await figures();
        expect(host).toBe(wanted);
        expect(bucket).toBeLessThan(wanted);
      }, 60);
      await expect(listBundles(store, keys)).rejects.toThrow(/cannot be reached/);
    } finally {
      await s3.restore();
    }
    const { exitCode, stderr } = await sidecar("plimsoll-backup-files upload");
    expect(exitCode, stderr).toBe(0);
    const { wanted, bucket } = await figures();
    expect(bucket).toBe(wanted);
    expect((await newest()).meta.release).toBe("v3");
  });

  inLongIt("a bundle that cannot be made is no failed release, and is seen", async () => {
    // tar ends badly, after most of it went into the bundle.
    const unreadable = `${LIVE}/zz-unreadable`;
    await site.exec(`install -m 0000 -o root /dev/null ${unreadable}`);
    try {
      const { stderr } = await site.must(["config", "production", "set", "TURN=3", "--yes"]);
      expect(stderr).toMatch(/^FAIL +recovery bundle .*no recovery bundle was made: /m);
      expect(await site.current()).toBe("v4");
      const { wanted, host } = await figures();
      expect(host).toBeLessThan(wanted);
      // What was sealed of it is no bundle.
      expect((await newest()).meta.release).toBe("v3");
      expect((await site.must(["backup", "production", "list"])).stdout).toMatch(/NO recovery bundle/);
    } finally {
      await site.exec(`rm -f ${unreadable}`);
    }
    expect((await site.must(["backup", "production", "now"])).stderr).toMatch(/^recovery bundle 20/m);
    const { wanted, host } = await figures();
    expect(host).toBe(wanted);
  });

  it("says what is wrong: keys, bucket, path, another's key", async () => {
    const other = await makeKey();
    await expect(openBundle(await fetchBundle(store, keys), other.identity)).rejects.toThrow(
      /opens none of the recipients/,
    );
    await expect(listBundles({ ...store, bucket: "elsewhere" }, keys)).rejects.toThrow(
      /there is no bucket elsewhere/,
    );
    await expect(listBundles(store, { ...keys, secret: "wrong" })).rejects.toThrow(
      /does not take these keys/,
    );
    await expect(fetchBundle({ ...store, path: "/other" }, keys)).rejects.toThrow(
      /there is no recovery bundle in/,
    );
    await expect(listBundles({ ...store, ca: undefined }, keys)).rejects.toThrow(/is not trusted/);
  });
});
