/**
 * A server for tests that speaks the documented part of DigitalOcean's API v2 that is used here: authorization, pages,
 * faults, limits, and what it refuses. Source: DigitalOcean's OpenAPI description.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Fault = { status: number; headers?: Record<string, string>; body?: unknown; hangUp?: boolean };

// biome-ignore lint/suspicious/noExplicitAny: whatever a client sends
type Thing = Record<string, any>;

export type TestApi = {
  url: string;
  token: string;
  droplets: Thing[];
  keys: Thing[];
  firewalls: Thing[];
  tags: string[];
  /** Of the zone example.com, which is the only one. */
  records: Thing[];
  /** `POST /v2/droplets`, in their order. */
  requests: string[];
  /** What the next requests get, one each; undefined lets one through. */
  faults: (Fault | undefined)[];
  /** Done, but the answer never arrives: for the next request of this kind. */
  loseAnswerOf?: string;
  close(): Promise<void>;
};

const REGIONS = ["nyc3", "fra1"];
/** The real default is 20; few make pages. */
const PER_PAGE = 2;

export async function startTestApi(): Promise<TestApi> {
  let nextId = 1000;
  const api: TestApi = {
    url: "",
    token: "dop_v1_secret0123456789",
    droplets: [],
    keys: [],
    firewalls: [],
    tags: [],
    records: [],
    requests: [],
    faults: [],
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };

  function route(method: string, url: URL, body: Thing): [number, unknown] {
    const [, , resource = "", id, ...rest] = url.pathname.split("/");
    const key = id === undefined ? resource : `${resource}/:id`;
    if (resource === "account" && id === "keys") return accountKeys(method, url, body);
    if (resource === "domains")
      return id === "example.com" ? records(method, url, rest[1], body) : notFound();
    if (rest.length > 0) return notFound();
    switch (`${method} ${key}`) {
      case "GET droplets": {
        const tag = url.searchParams.get("tag_name");
        return page(
          url,
          "droplets",
          api.droplets.filter(({ tags }) => tag === null || tags.includes(tag)),
        );
      }
      case "POST droplets":
        return newDroplet(body);
      case "GET droplets/:id": {
        const found = api.droplets.find((one) => String(one.id) === id);
        if (!found) return notFound();
        boot(found);
        return [200, { droplet: found }];
      }
      case "DELETE droplets/:id":
        return remove(api.droplets, id);
      case "GET firewalls":
        return page(url, "firewalls", api.firewalls);
      case "POST firewalls":
      case "PUT firewalls/:id":
        return firewall(body, id);
      case "DELETE firewalls/:id":
        return remove(api.firewalls, id);
      case "GET tags":
        return page(
          url,
          "tags",
          api.tags.map((name) => ({ name, resources: { count: 0 } })),
        );
      case "POST tags":
        if (!/^[\w:-]{1,255}$/.test(body.name)) return invalid("Tag name is invalid");
        if (!api.tags.includes(body.name)) api.tags.push(body.name);
        return [201, { tag: { name: body.name, resources: { count: 0 } } }];
      case "DELETE tags/:id": {
        const index = api.tags.indexOf(decodeURIComponent(id as string));
        if (index < 0) return notFound();
        api.tags.splice(index, 1);
        return [204, undefined];
      }
      default:
        return notFound();
    }
  }

  function records(method: string, url: URL, id: string | undefined, body: Thing): [number, unknown] {
    const full = (name: string) => (name === "@" ? "example.com" : `${name}.example.com`);
    const wanted = url.searchParams.get("name");
    if (method === "GET")
      return page(
        url,
        "domain_records",
        api.records.filter(({ name }) => wanted === null || full(name) === wanted),
      );
    if (typeof body.name !== "string" || body.name.endsWith("example.com"))
      return invalid("Name must not be fully qualified");
    const old = api.records.find((one) => String(one.id) === id);
    if (id !== undefined && !old) return notFound();
    const record = { id: old?.id ?? nextId++, priority: null, ...old, ...body };
    api.records = [...api.records.filter((one) => one !== old), record];
    return [old ? 200 : 201, { domain_record: record }];
  }

  function accountKeys(method: string, url: URL, body: Thing): [number, unknown] {
    if (method === "GET") return page(url, "ssh_keys", api.keys);
    if (api.keys.some(({ public_key }) => public_key === body.public_key))
      return invalid("SSH Key is already in use on your account");
    const key = { id: nextId++, fingerprint: "3b:16:e4:bf", ...body };
    api.keys.push(key);
    return [201, { ssh_key: key }];
  }

  function newDroplet(body: Thing): [number, unknown] {
    if (!REGIONS.includes(body.region))
      return invalid("You specified an invalid region for Droplet creation.");
    if (!/^[a-zA-Z0-9.-]+$/.test(body.name)) return invalid("Only valid hostname characters are allowed.");
    if (Buffer.byteLength(body.user_data ?? "") > 64 * 1024) return invalid("User data is too long");
    if (!body.ssh_keys.every((id: number) => api.keys.some((key) => key.id === id)))
      return invalid("are invalid key identifiers for Droplet creation.");
    for (const tag of body.tags) if (!api.tags.includes(tag)) api.tags.push(tag);
    const droplet = {
      id: nextId++,
      name: body.name,
      memory: 4096,
      vcpus: 2,
      status: "new",
      created_at: "2026-11-23T04:00:00Z",
      image: { id: 1, slug: body.image, name: "24.04 (LTS) x64", distribution: "Ubuntu" },
      size_slug: body.size,
      networks: { v4: [], v6: [] },
      region: { slug: body.region, name: "New York 3" },
      tags: body.tags,
      // Not part of an answer: what the test looks at.
      asked: body,
      polls: 0,
    };
    api.droplets.push(droplet);
    return [202, { droplet, links: { actions: [{ id: 7515, rel: "create", href: "" }] } }];
  }

  /** New, then active without an address, then with its private one, then with all. */
  function boot(droplet: Thing): void {
    droplet.polls++;
    const addresses = [
      { ip_address: "10.128.192.124", netmask: "255.255.0.0", gateway: "nil", type: "private" },
      { ip_address: "203.0.113.7", netmask: "255.255.240.0", gateway: "203.0.113.1", type: "public" },
    ];
    if (droplet.polls >= 2) droplet.status = "active";
    if (droplet.status === "active") droplet.networks = { v4: addresses.slice(0, droplet.polls - 1), v6: [] };
  }

  function firewall(body: Thing, id?: string): [number, unknown] {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9.-]+$/.test(body.name)) return invalid("name is invalid");
    if (!body.inbound_rules?.length && !body.outbound_rules?.length) return invalid("rules are missing");
    for (const rule of [...body.inbound_rules, ...body.outbound_rules])
      if (typeof rule.ports !== "string") return invalid("ports is required");
    for (const tag of body.tags) if (!api.tags.includes(tag)) return invalid(`tag ${tag} does not exist`);
    const old = api.firewalls.find((one) => one.id === id);
    if (id !== undefined && !old) return notFound();
    if (!old && api.firewalls.some(({ name }) => name === body.name))
      return [409, { id: "conflict", message: "duplicate name" }];
    const fresh = { id: old?.id ?? `bb4b2611-${nextId++}`, status: "waiting", droplet_ids: [], ...body };
    api.firewalls = [...api.firewalls.filter((one) => one !== old), fresh];
    return [old ? 200 : 202, { firewall: fresh }];
  }

  function page(url: URL, key: string, items: readonly unknown[]): [number, unknown] {
    const number = Number(url.searchParams.get("page") ?? 1);
    const next = new URL(url);
    next.searchParams.set("page", String(number + 1));
    const more = items.length > number * PER_PAGE;
    return [
      200,
      {
        [key]: items.slice((number - 1) * PER_PAGE, number * PER_PAGE),
        // The real ones name the public address, whichever way one came.
        links: more ? { pages: { next: next.href.replace(api.url, "https://api.digitalocean.com") } } : {},
        meta: { total: items.length },
      },
    ];
  }

  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const url = new URL(request.url ?? "/", api.url);
    const what = `${request.method} ${url.pathname}`;
    api.requests.push(what);
    const fault = api.faults.shift();
    if (fault?.hangUp) return void request.socket.destroy();
    const send = (status: number, body: unknown, headers: Record<string, string> = {}) => {
      response.writeHead(status, {
        "content-type": "application/json",
        "ratelimit-limit": "5000",
        "ratelimit-remaining": "4816",
        "ratelimit-reset": String(Math.floor(Date.now() / 1000) + 1200),
        ...headers,
      });
      response.end(body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body));
    };
    if (fault) return send(fault.status, fault.body, fault.headers);
    if (request.headers.authorization !== `Bearer ${api.token}`)
      return send(401, { id: "Unauthorized", message: "Unable to authenticate you" });
    const text = Buffer.concat(parts).toString();
    const [status, body] = route(request.method ?? "GET", url, text === "" ? {} : JSON.parse(text));
    if (api.loseAnswerOf === what) {
      api.loseAnswerOf = undefined;
      return void request.socket.destroy();
    }
    send(status, body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  api.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return api;
}

function remove(things: Thing[], id: string | undefined): [number, unknown] {
  const index = things.findIndex((one) => String(one.id) === id);
  if (index < 0) return notFound();
  things.splice(index, 1);
  return [204, undefined];
}

function notFound(): [number, unknown] {
  return [404, { id: "not_found", message: "The resource you requested could not be found." }];
}

function invalid(message: string): [number, unknown] {
  return [422, { id: "unprocessable_entity", message, request_id: "4d9d8375-3c56-4925-a3e7-eb137fed17e9" }];
}
