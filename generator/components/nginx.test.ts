import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { renderTemplate } from "../render/template.ts";
import { MiB } from "../spec/words.ts";
import type { Context, Grant, Offers, Route } from "./component.ts";
import { capacity, confModel, groupsOf } from "./nginx/conf.ts";
import { DOLLAR, literal, quote, script, shellWord } from "./nginx/quote.ts";
import { Nginx, nginx } from "./nginx.ts";

const grant: Grant = { memory: 128 * MiB, cpus: 2, cpuShares: 2048, pids: 64 };
const grants = { service: () => grant, volume: () => 256 * MiB };
const routes: Route[] = [
  {
    path: "/",
    upstream: "api",
    servers: [1, 2, 3].map((index) => ({ service: `api-${index}`, port: 4999 + index })),
    health: "/healthz",
  },
  { path: "/live", upstream: "live", servers: [{ service: "live", port: 9000 }], health: "/health" },
];

function context(environment: Context["environment"]): Context {
  return {
    spec: { name: "fkod", domain: "api.fkod.com" },
    environment,
    machine: { slug: "custom", cpus: 4, memory: 8192 * MiB, disk: 61440 * MiB },
    images: "debian",
    present: new Set(["nginx"]),
    demand: () => 0,
  } as unknown as Context;
}

function conf(options: unknown = {}, environment: Context["environment"] = "production"): string {
  return renderTemplate(
    "nginx/nginx.conf.hbs",
    confModel(Nginx.parse(options), grant, routes, [], context(environment)),
  );
}

/** nginx's own reading of a configuration: words, quotes, braces. Throws where a quote is left open. */
function tokens(text: string): string[] {
  const found: string[] = [];
  const pattern =
    /\s+|#[^\n]*|"((?:\\[\s\S]|[^"\\])*)"|'((?:\\[\s\S]|[^'\\])*)'|[{};]|(?:\$\{|[^\s{};"'])(?:\$\{\w+\}|\\.|[^\s{};])*/gy;
  while (pattern.lastIndex < text.length) {
    const start = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) throw new Error(`cannot read: ${text.slice(start, start + 80)}`);
    if (!/^(?:\s|#)/.test(match[0])) found.push(match[0]);
  }
  return found;
}

const nasty = fc.string({
  unit: fc.constantFrom(
    ..."$\";'\\{}#% `~=@^*.:/-aZ0 ",
    "{{",
    "}}",
    "../",
    "$" + "{host}",
    "$host",
    "; return 200 owned;",
  ),
  minLength: 1,
  maxLength: 12,
});

describe("words of a user", () => {
  it("stay one word of nginx's", () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const word = quote(text);
        expect(tokens(word)).toEqual([word]);
        expect(word.replaceAll(`$\{${DOLLAR}}`, "")).not.toContain("$");
      }),
    );
  });

  it("are refused where nginx has no way to take them literally", () => {
    for (const text of ["", "$host", "~^.*", "=x", "@x", "*.com", "default", "include", "a\nb", "^~", "!x"]) {
      expect(() => literal(text), text).toThrow();
    }
    fc.assert(
      fc.property(nasty, (text) => {
        let word: string;
        try {
          word = literal(text);
        } catch {
          return;
        }
        expect(tokens(word)).toEqual([word]);
        expect(word).not.toContain("$");
      }),
    );
  });

  it("never hold a control character", () => {
    for (const text of ["a\nb", "a\rb", "a\0b", "a\tb", "\u007f"]) {
      for (const write of [quote, literal, shellWord]) expect(() => write(text)).toThrow();
    }
  });

  it("stay values in JavaScript", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(new Function(`return ${script({ text })}`)()).toEqual({ text });
      }),
    );
  });

  it("stay in their quotes in the whole configuration", () => {
    const plain = tokens(conf({ headers: { content_security_policy: "x", referrer_policy: "y" } })).length;
    fc.assert(
      fc.property(nasty, nasty, (csp, referrer) => {
        const text = conf({ headers: { content_security_policy: csp, referrer_policy: referrer } });
        expect(tokens(text)).toHaveLength(plain);
      }),
      { numRuns: 50 },
    );
  });
});

describe("options", () => {
  it("have a default for everything", () => {
    expect(Nginx.parse({})).toMatchObject({
      https: 443,
      rate: { requests: "50r/s", burst: 100 },
      body: 10 * MiB,
    });
  });

  it("refuse what would be syntax or nonsense", () => {
    const wrong: unknown[] = [
      { rate: { requests: "20r/s; return 200" } },
      { rate: { requests: "0r/s" } },
      { rate: true },
      { bind: "0.0.0.0; }" },
      { bind: "localhost" },
      { names: ["*.example.com"] },
      { names: ["a.com;"] },
      { cors: { origins: ["*"] } },
      { cors: { origins: ["https://a.com/"] } },
      { cors: { origins: ['https://a.com" x'] } },
      { cors: { origins: [] } },
      { trusted_proxies: ["10.0.0.0/33"] },
      { trusted_proxies: ["10.0.0.0/8; }"] },
      { trusted_proxies: ["::/129"] },
      { trusted_proxies: ["fe80::1%eth0"] },
      { uploads: { paths: ["/../x"] } },
      { uploads: { paths: ["/x;"] } },
      { uploads: { paths: ["/$host"] } },
      { uploads: { paths: [] } },
      { body: "lots" },
      { timeouts: { answer: "0s" } },
      { timeouts: { answer: "2d" } },
      { headers: { content_security_policy: "a\nb" } },
      { headers: { content_security_policy: "ä" } },
      { headers: { frame_options: "ALLOW" } },
      { gzip: "yes" },
      { https: 0 },
      { colour: "red" },
    ];
    for (const words of wrong) expect(Nginx.safeParse(words).success, JSON.stringify(words)).toBe(false);
  });

  it("reach the configuration", () => {
    const text = conf({
      rate: { requests: "20r/s", burst: 7 },
      body: "3MB",
      trusted_proxies: ["173.245.48.0/20", "2400:cb00::/32"],
      client_address: "CF-Connecting-IP",
      cors: { origins: ["https://fkod.com"] },
      uploads: { paths: ["/files/"], body: "100MB" },
    });
    for (const line of [
      "rate=20r/s;",
      "burst=7 nodelay;",
      `client_max_body_size ${3 * MiB};`,
      'set_real_ip_from "173.245.48.0/20";',
      "real_ip_header CF-Connecting-IP;",
      '"https://fkod.com" $http_origin;',
      'location = "/files" {',
      'location ^~ "/files/" {',
      `client_max_body_size ${100 * MiB};`,
      'rewrite ^ "/healthz" break;',
      'location ^~ "/live/" {',
      "server api-2:5001 resolve max_fails=0;",
      "listen 8443 ssl;",
      'server_name "api.fkod.com";',
      "location ^~ /probe/api-2/ {",
      "proxy_pass http://api-2/;",
      'proxy_set_header Host "api.fkod.com";',
      "proxy_set_header X-Forwarded-Proto https;",
    ]) {
      expect(text).toContain(line);
    }
    expect(conf({ rate: false }, "local")).toContain("proxy_set_header X-Forwarded-Proto http;");
    expect(conf({ rate: false }, "local")).not.toMatch(/limit_req|ssl_certificate|http2 on|Strict-Transport/);
  });
});

describe("sizes", () => {
  it("follow the grant", () => {
    expect(capacity({ ...grant, memory: 96 * MiB, cpus: 0.5 })).toMatchObject({
      workers: 1,
      connections: 2730,
    });
    const large = capacity({ ...grant, memory: 512 * MiB, cpus: 4 });
    expect(large.workers).toBe(4);
    expect(large.files).toBeGreaterThan(2 * large.connections);
  });
});

describe("groups", () => {
  it("name a service with its port only where it has two", () => {
    const twice: Route[] = [
      { path: "/", upstream: "a", servers: [{ service: "api-1", port: 1 }], health: "/" },
      { path: "/b", upstream: "b", servers: [{ service: "api-1", port: 2 }], health: "/" },
    ];
    expect(groupsOf(twice).map((group) => group.servers)).toEqual([["api-1_1"], ["api-1_2"]]);
    expect(groupsOf(routes).map((group) => group.servers)).toEqual([["api-1", "api-2", "api-3"], ["live"]]);
  });

  it("know which server is a spare", () => {
    const spare: Route[] = [
      {
        path: "/",
        upstream: "api",
        servers: [
          { service: "api-1", port: 5000 },
          { service: "api-spare", port: 4999, spare: true },
        ],
        health: "/health",
      },
    ];
    expect(groupsOf(spare)[0]).toMatchObject({ servers: ["api-1", "api-spare"], spares: ["api-spare"] });
    expect(groupsOf(routes).map((group) => group.spares)).toEqual([[], []]);
  });

  it("have another key when their servers change, so that no schedule is read by the wrong names", () => {
    const fewer = [{ ...(routes[0] as Route), servers: (routes[0] as Route).servers.slice(1) }];
    expect(groupsOf(fewer)[0]?.key).not.toBe(groupsOf(routes)[0]?.key);
  });
});

describe("the component", () => {
  const words = Nginx.parse({});
  const offers = { routes, pages: [] } as unknown as Offers;

  it("publishes the door and nothing else", () => {
    const ports = (environment: Context["environment"]) =>
      nginx
        .contribute(words, grants, context(environment))
        .services?.nginx?.ports?.map(({ host_ip, published, target }) => `${host_ip}:${published}:${target}`);
    expect(ports("production")).toEqual(["0.0.0.0:80:8080", "0.0.0.0:443:8443"]);
    expect(ports("local")).toEqual(["127.0.0.1:8080:8080"]);
  });

  it("takes in changes of its configuration by a reload, and of its start by a restart", () => {
    const files = [
      ...(nginx.contribute(words, grants, context("production")).files ?? []),
      ...(nginx.collect?.(words, grants, offers, context("production")).files ?? []),
    ];
    expect(Object.fromEntries(files.map((file) => [file.path, file.restarts]))).toEqual({
      "nginx/plimsoll.js": undefined,
      "nginx/inner.js": undefined,
      "nginx/edge.js": undefined,
      "nginx/control.js": undefined,
      "nginx/nginx.conf": undefined,
      "nginx/start.sh": ["nginx"],
    });
  });

  it("refuses one port for two doors", () => {
    expect(nginx.check?.(Nginx.parse({ http: 443 }), context("production"))).toHaveLength(1);
    expect(nginx.check?.(Nginx.parse({ http: 443 }), context("local"))).toHaveLength(0);
  });
});
