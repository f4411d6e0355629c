/** The host's side of a recovery bundle: what goes into it, read by what opens it. Sealing and docker: test/e2e. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Encrypter } from "age-encryption";
import { afterAll, expect, it } from "vitest";
import { packageRoot } from "../../generator/package.ts";
import { openBundle } from "../recovery/bundle.ts";
import { makeKey } from "../recovery/key.ts";

// What sed and tar read as syntax is nothing but a name.
const root = mkdtempSync(join(tmpdir(), "plimsoll-bundle.*+[x],$^ "));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
  chmodSync(join(root, path), mode);
}

it("holds generated folder, secrets and the current release, and nothing of older ones", async () => {
  for (const file of ["compose.yaml", "plan.json", "manifest.json", "nginx/nginx.conf"])
    put(`generated/production/${file}`, file);
  put("generated/production/.compose.yaml.plimsoll-new", "half");
  put("secrets/production/postgres_password", "opensesame", 0o444);
  put("secrets/production/.gitignore", "*\n");
  put("state/current", "v3\n");
  put("state/audit.log", "{}\n");
  put("state/work", "version v3\n");
  put("state/releases/v2/settings.env", "old");
  for (const file of [
    "files/compose.yaml",
    "settings.env",
    "release.yaml",
    "secrets/api_key",
    "source/stack.yaml",
  ])
    put(`state/releases/v3/${file}`, file);
  put("state/releases/v3/secrets-before/postgres_password", "older");
  symlinkSync("compose.yaml", join(root, "state/releases/v3/files/link"));

  const tar = execFileSync(
    "bash",
    [
      "-euo",
      "pipefail",
      "-c",
      `. ${packageRoot}/operator/onhost/bundle.bash
       STATE=$1/state LIVE=$1/generated/production SECRETS=$1/secrets/production
       STACK='a "shop"' ENVIRONMENT=production PROJECT=shop-production
       bundle_tar`,
      "test",
      root,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const key = await makeKey();
  const encrypter = new Encrypter();
  encrypter.addRecipient(key.recipient);
  const bundle = await openBundle(
    { name: "20261128T161500Z.tar.age", bytes: await encrypter.encrypt(tar) },
    key.identity,
  );
  const paths = (files: typeof bundle.state) =>
    files.flatMap(({ path }) => (path.endsWith("/") ? [] : [path])).sort();
  expect(bundle.meta).toMatchObject({ stack: 'a "shop"', project: "shop-production", release: "v3" });
  expect(paths(bundle.generated)).toEqual(["compose.yaml", "manifest.json", "nginx/nginx.conf", "plan.json"]);
  expect(bundle.secrets).toContainEqual({
    path: "postgres_password",
    mode: 0o444,
    content: Buffer.from("opensesame"),
  });
  expect(paths(bundle.state)).toEqual([
    "audit.log",
    "current",
    ...[
      "files/compose.yaml",
      "files/link",
      "release.yaml",
      "secrets/api_key",
      "settings.env",
      "source/stack.yaml",
    ].map((file) => `releases/v3/${file}`),
  ]);
  expect(bundle.state).toContainEqual({ path: "releases/v3/files/link", content: { link: "compose.yaml" } });
  expect(readdirSync(join(root, "state")).filter((name) => name.startsWith("plimsoll.json"))).toEqual([]);
});
