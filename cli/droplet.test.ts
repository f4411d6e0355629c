import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../operator/digitalocean/test-api.ts";

let server: TestApi;
let folder: string;
let key: string;

beforeAll(async () => {
  server = await startTestApi();
  folder = await mkdtemp(join(tmpdir(), "droplet-cli-"));
  key = join(folder, "id.pub");
  await writeFile(key, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFake ana@laptop\n");
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** In another process, without a terminal, as a script would. */
async function plimsoll(args: readonly string[], environment: Record<string, string | undefined> = {}) {
  const run = await execa("node", ["--import", "tsx", "cli/main.ts", ...args], {
    reject: false,
    env: { DIGITALOCEAN_TOKEN: server.token, DIGITALOCEAN_API_URL: server.url, ...environment },
  });
  expect(`${run.stdout}${run.stderr}`).not.toContain(server.token);
  return run;
}

test("create, list, destroy", async () => {
  const create = ["droplet", "create", "fkod", "--key", key];
  const unasked = await plimsoll(create);
  expect(unasked).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/s-4vcpu-16gb-amd.*\$84 a month[\s\S]*--yes/),
  });
  expect(server.droplets).toEqual([]);

  const made = await plimsoll([...create, "--yes", "--json"]);
  expect(made.stderr).toContain("npx plimsoll host init root@203.0.113.7");
  expect(made.stderr).toContain("host: deploy@203.0.113.7");
  expect(JSON.parse(made.stdout)).toMatchObject({
    name: "fkod-production",
    made: true,
    address: "203.0.113.7",
    price: 84,
  });
  const [droplet] = server.droplets;
  expect(droplet?.asked).toMatchObject({ size: "s-4vcpu-16gb-amd", image: "ubuntu-24-04-x64" });
  expect(droplet?.asked.user_data).toMatch(/^#cloud-config\n[\s\S]*AAAAIFake ana@laptop/);

  const again = await plimsoll([...create, "--json"]);
  expect(JSON.parse(again.stdout)).toMatchObject({ id: droplet?.id, made: false });

  const listed = await plimsoll(["droplet", "list"]);
  expect(listed.stdout).toMatch(
    /^NAME +STATUS[\s\S]*fkod-production +active +s-4vcpu-16gb-amd +nyc3 +203\.0\.113\.7 +84 /,
  );
  expect(JSON.parse((await plimsoll(["droplet", "list", "--json"])).stdout)).toHaveLength(1);

  const unnamed = await plimsoll(["droplet", "destroy", "fkod-production"]);
  expect(unnamed).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("--confirm fkod-production"),
  });
  const other = await plimsoll(["droplet", "destroy", "fkod-production", "--confirm", "fkod"]);
  expect(other.exitCode).toBe(2);
  expect(server.droplets).toHaveLength(1);
  const gone = await plimsoll([
    "droplet",
    "destroy",
    "fkod-production",
    "--confirm",
    "fkod-production",
    "--json",
  ]);
  expect(JSON.parse(gone.stdout)).toEqual({ destroyed: "fkod-production", id: droplet?.id, firewall: true });
  expect([server.droplets, server.firewalls]).toEqual([[], []]);
}, 120_000);

test.each<[string, string[], Record<string, string | undefined>, RegExp]>([
  ["no token", ["list"], { DIGITALOCEAN_TOKEN: undefined }, /DIGITALOCEAN_TOKEN/],
  ["a size with shell characters", ["create", "fkod", "--size", "$(id)"], {}, /slug of DigitalOcean/],
  ["a name with shell characters", ["create", "fkod", "--name", "a;b"], {}, /no name for a droplet/],
  ["a key file that is none", ["create", "fkod", "--key", "/nowhere"], {}, /cannot be read \(ENOENT\)/],
  ["a private key", ["create", "fkod", "--key", "PRIVATE"], {}, /this is a private key/],
  [
    "a droplet that is not there",
    ["destroy", "nothing", "--confirm", "nothing"],
    {},
    /no droplet named nothing/,
  ],
])("%s: told, exit 2, nothing done", async (_, args, environment, words) => {
  const secret = join(folder, "id");
  await writeFile(secret, "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n");
  server.requests.length = 0;
  const run = await plimsoll(
    ["droplet", ...args.map((word) => (word === "PRIVATE" ? secret : word))],
    environment,
  );
  expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(words) });
  expect(run.stderr).not.toContain("b3BlbnNzaC1rZXk");
  expect(server.requests.filter((line) => !line.startsWith("GET"))).toEqual([]);
});

test("--help asks nothing", async () => {
  server.requests.length = 0;
  for (const args of [["--help"], ["create", "--help"], ["destroy", "x", "--help"]])
    expect((await plimsoll(["droplet", ...args])).exitCode).toBe(0);
  expect(server.requests).toEqual([]);
});

test("host cloud-init takes user and ports from a stack", async () => {
  const plain = await plimsoll(["host", "cloud-init"]);
  expect(plain.stdout).toMatch(/^#cloud-config\n/);
  expect(plain.stdout).toContain("DEPLOY_USER=deploy");
  const own = await plimsoll(["host", "cloud-init", "fkod", "--open", "80,8443", "--user", "ana"]);
  expect(own.stdout).toContain("DEPLOY_USER=ana");
  expect(own.stdout).toContain("OPEN='80 8443'");
  expect((await plimsoll(["host", "cloud-init", "nothing"])).exitCode).toBe(2);
});
