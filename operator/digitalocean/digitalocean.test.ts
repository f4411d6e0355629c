import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Problem } from "../problem.ts";
import { type Api, apiFromEnvironment, digitalOcean } from "./api.ts";
import { pointRecord, recordName } from "./dns.ts";
import { createDroplet, destroyDroplet, findDroplet, listDroplets, type NewDroplet } from "./droplets.ts";
import { startTestApi, type TestApi } from "./test-api.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFake ana@laptop";
const wanted: NewDroplet = {
  name: "fkod-production",
  size: "s-2vcpu-4gb",
  region: "nyc3",
  image: "ubuntu-24-04-x64",
  keys: [KEY],
  userData: "#cloud-config\n",
  ports: [80, 443],
};

let server: TestApi;
let api: Api;
let waits: number[];
const wait = async (milliseconds: number) => void waits.push(milliseconds / 1000);

beforeEach(async () => {
  server = await startTestApi();
  waits = [];
  api = digitalOcean({ token: server.token, url: server.url, wait });
});
afterEach(() => server.close());

const said: string[] = [];
const create = (words: Partial<NewDroplet> = {}) =>
  createDroplet(api, { ...wanted, ...words }, { say: (line) => said.push(line), wait });
const fault = async (action: Promise<unknown>): Promise<Problem> =>
  action.then(
    () => expect.unreachable("it should have failed"),
    (error) => {
      expect(error).toBeInstanceOf(Problem);
      expect(`${error.message}${error.remedy}`).not.toContain(server.token);
      return error;
    },
  );

describe("create", () => {
  test("makes a droplet with cloud-init, monitoring and keys, behind a firewall from its first moment", async () => {
    const { address, made } = await create();
    expect({ address, made }).toEqual({ address: "203.0.113.7", made: true });
    const [droplet] = server.droplets;
    expect(droplet?.asked).toEqual({
      name: "fkod-production",
      region: "nyc3",
      size: "s-2vcpu-4gb",
      image: "ubuntu-24-04-x64",
      ssh_keys: [server.keys[0]?.id],
      monitoring: true,
      ipv6: true,
      tags: ["plimsoll", "plimsoll:fkod-production"],
      user_data: "#cloud-config\n",
    });
    expect(server.requests.indexOf("POST /v2/firewalls")).toBeLessThan(
      server.requests.indexOf("POST /v2/droplets"),
    );
    const [firewall] = server.firewalls;
    expect(firewall?.tags).toEqual(["plimsoll:fkod-production"]);
    const inbound = firewall?.inbound_rules.map(
      ({ protocol, ports }: Record<string, string>) => `${protocol} ${ports}`,
    );
    expect(inbound).toEqual(["tcp 22", "tcp 80", "tcp 443", "icmp 0"]);
    expect(firewall?.inbound_rules[0].sources).toEqual({ addresses: ["0.0.0.0/0", "::/0"] });
    expect(firewall?.outbound_rules.map(({ protocol }: Record<string, string>) => protocol)).toEqual([
      "tcp",
      "udp",
      "icmp",
    ]);
  });

  test("the second finds the first, and makes nothing", async () => {
    const first = await create();
    server.requests.length = 0;
    const second = await create();
    expect(second).toMatchObject({ made: false, address: first.address, droplet: { id: first.droplet.id } });
    expect(server.requests.filter((line) => !line.startsWith("GET"))).toEqual([]);
  });

  test("a droplet whose making was not heard of is found by the next", async () => {
    server.loseAnswerOf = "POST /v2/droplets";
    expect((await fault(create())).remedy).toMatch(/finds what was made/);
    expect(server.droplets).toHaveLength(1);
    expect((await create()).made).toBe(false);
    expect(server.droplets).toHaveLength(1);
  });

  test("is found behind many others, page by page, and one of the same name of somebody else's is not", async () => {
    server.tags.push("plimsoll");
    const other = (name: string, tags: string[]) => ({
      ...{ id: Math.random(), name, status: "active", size_slug: "s", created_at: "2026", tags },
      ...{ region: { slug: "nyc3" }, image: { slug: null }, networks: { v4: [], v6: [] } },
    });
    for (const name of ["a", "b", "c", "d", "e"]) server.droplets.push(other(name, ["plimsoll"]));
    server.droplets.push(other("fkod-production", ["web"]));
    expect(await findDroplet(api, "fkod-production")).toBeUndefined();
    expect((await create()).made).toBe(true);
    expect((await listDroplets(api)).map(({ name }) => name)).toEqual([
      "a",
      "b",
      "c",
      "d",
      "e",
      "fkod-production",
    ]);
  });

  test("the account's keys are taken where none is given, and a key that it has is not uploaded again", async () => {
    server.keys.push(
      { id: 1, name: "ana", fingerprint: "x", public_key: KEY.replace("ana@laptop", "another comment") },
      { id: 2, name: "ben", fingerprint: "y", public_key: "ssh-rsa AAAAB3Nza ben" },
      { id: 3, name: "cy", fingerprint: "z", public_key: "ssh-rsa AAAAB3Nzc cy" },
    );
    await create({ keys: [] });
    expect(server.droplets[0]?.asked.ssh_keys).toEqual([1, 2, 3]);
    await create({ name: "other" });
    expect(server.droplets[1]?.asked.ssh_keys).toEqual([1]);
    expect(server.requests).not.toContain("POST /v2/account/keys");
  });

  test("without any key there is no droplet", async () => {
    expect((await fault(create({ keys: [] }))).remedy).toContain("--key");
    expect(server.droplets).toEqual([]);
  });

  test("a firewall that was changed is mended, and what else is behind it stays", async () => {
    await create();
    const [firewall] = server.firewalls;
    firewall?.inbound_rules.push({ protocol: "tcp", ports: "5432", sources: { addresses: ["0.0.0.0/0"] } });
    firewall?.droplet_ids.push(99);
    const office = { addresses: ["198.51.100.7"], tags: ["office"] };
    Object.assign(
      firewall?.inbound_rules.find(({ ports }: { ports: string }) => ports === "22"),
      { sources: office },
    );
    await create();
    const ports = server.firewalls[0]?.inbound_rules.map((rule: { ports: string }) => rule.ports);
    expect(ports).toEqual(["22", "80", "443", "0"]);
    // Nor is ssh opened to the world again.
    expect(server.firewalls[0]?.inbound_rules[0]).toMatchObject({ ports: "22", sources: office });
    expect(server.firewalls[0]?.droplet_ids).toEqual([99]);
  });

  test.each(["fkod production", "a;b", "-a", "A", "", "x".repeat(64)])(
    "the name %j is refused",
    async (name) => {
      expect((await fault(create({ name }))).exitCode).toBe(2);
      expect(server.requests).toEqual([]);
    },
  );
});

describe("faults are explained", () => {
  test("a wrong token", async () => {
    api = digitalOcean({ token: "wrong", url: server.url });
    const problem = await fault(listDroplets(api));
    expect(problem.message).toMatch(/Unable to authenticate you/);
    expect(problem.exitCode).toBe(2);
  });

  test("what it does not accept", async () => {
    const problem = await fault(create({ region: "atl9" }));
    expect(problem.message).toMatch(/invalid region.*request 4d9d8375/);
    expect(problem.remedy).toMatch(/--region/);
  });

  test("a limit that ends soon is waited for", async () => {
    server.faults.push({ status: 429, headers: { "retry-after": "7" }, body: { id: "too_many_requests" } });
    expect(await listDroplets(api)).toEqual([]);
    expect(waits).toEqual([7]);
  });

  test("ratelimit-reset is read where there is no retry-after, and one that ends late is told", async () => {
    const reset = String(Math.floor(Date.now() / 1000) + 1800);
    server.faults.push({
      status: 429,
      headers: { "ratelimit-reset": reset },
      body: { message: "API Rate limit exceeded." },
    });
    const problem = await fault(listDroplets(api));
    expect(problem.message).toMatch(/limit of requests.*API Rate limit exceeded/);
    expect(problem.remedy).toMatch(/in (29|30) min/);
    expect(waits).toEqual([]);
  });

  test("a reading is tried again after a fault of the server's, a making is not", async () => {
    server.faults.push({ status: 503, body: "<html>" }, { status: 500, body: {} });
    expect(await listDroplets(api)).toEqual([]);
    server.faults.push(...Array.from({ length: 4 }, () => undefined), {
      status: 500,
      body: { message: "oh" },
    });
    server.requests.length = 0;
    const problem = await fault(create());
    expect(problem.message).toMatch(/answered 500.*oh/);
    expect(server.requests.filter((line) => line.startsWith("POST"))).toHaveLength(2);
  });

  test("an answer that is none, or not as documented", async () => {
    server.faults.push({ status: 200, body: "<html>maintenance</html>" });
    expect((await fault(listDroplets(api))).message).toMatch(/no JSON/);
    server.faults.push({ status: 200, body: { droplets: [{ id: "one" }] } });
    expect((await fault(listDroplets(api))).message).toMatch(/not as documented/);
  });

  test("nobody there", async () => {
    api = digitalOcean({ token: server.token, url: "http://127.0.0.1:1", wait });
    expect((await fault(listDroplets(api))).message).toMatch(/does not answer/);
  });

  test.each([
    ["http://api.digitalocean.com", "t"],
    ["ftp://127.0.0.1", "t"],
    ["nonsense", "t"],
    ["https://api.digitalocean.com", "two\nlines"],
    ["https://api.digitalocean.com", " "],
  ])("the address %s with the token %j", (url, token) => {
    const act = () => apiFromEnvironment({ DIGITALOCEAN_API_URL: url, DIGITALOCEAN_TOKEN: token });
    expect(act).toThrow(expect.objectContaining({ exitCode: 2 }));
  });
});

test("destroy takes the firewall and the tag along, and nothing that is somebody else's", async () => {
  const { droplet } = await create();
  await create({ name: "other" });
  expect(await destroyDroplet(api, droplet)).toEqual({ firewall: true });
  expect(server.droplets.map(({ name }) => name)).toEqual(["other"]);
  expect(server.firewalls.map(({ name }) => name)).toEqual(["plimsoll-other"]);
  expect(server.tags).toEqual(["plimsoll", "plimsoll:other"].sort());
  expect((await fault(destroyDroplet(api, { ...droplet, tags: ["web"] }))).message).toMatch(
    /not made by plimsoll/,
  );
});

test("what is gone already is gone", async () => {
  const { droplet } = await create();
  server.droplets.length = 0;
  expect(await destroyDroplet(api, droplet)).toEqual({ firewall: true });
});

describe("the record of a domain", () => {
  const point = (address: string) =>
    pointRecord(api, { zone: "example.com", domain: "api.example.com", address, ttl: 60 });
  const old = { id: 1, type: "A", name: "api", data: "203.0.113.7", ttl: 1800 };

  test("is made, left and changed, and says how long others may go by the old one", async () => {
    expect(await point("203.0.113.8")).toEqual({ state: "made", before: undefined, until: 0 });
    expect(await point("203.0.113.8")).toMatchObject({ state: "ok" });
    server.records[0] = { ...old };
    expect(await point("203.0.113.8")).toEqual({ state: "changed", before: "203.0.113.7", until: 1800 });
    expect(server.records).toEqual([
      expect.objectContaining({ id: 1, name: "api", data: "203.0.113.8", ttl: 60 }),
    ]);
  });

  test("is a person's to set where there are several", async () => {
    server.records.push({ ...old }, { ...old, id: 2, type: "AAAA", data: "2001:db8::7" });
    expect((await fault(point("203.0.113.8"))).message).toMatch(/A 203.0.113.7 and AAAA 2001:db8::7/);
    expect(server.records[0]?.data).toBe("203.0.113.7");
  });

  test("is in its zone", () => {
    expect(recordName("example.com", "example.com")).toBe("@");
    expect(() => recordName("example.com", "api.badexample.com")).toThrow(/not in the zone/);
  });
});
