/** What templates/nginx/ is filled with. Every word of a user passes quote(), literal() or a number on its way. */

import { createHash } from "node:crypto";
import { readOwn } from "../../package.ts";
import { MiB } from "../../spec/words.ts";
import type { Context, Grant, Page, Route } from "../component.ts";
import type { Nginx } from "./options.ts";
import { DOLLAR, literal, quote, script, shellWord } from "./quote.ts";

export const CONTROL_PORT = 8081;
export const METRICS_PORT = 9145;
export const CERTIFICATES = "/var/lib/certificates";
/** Volumes of pages, each under its name. */
export const PAGES = "/var/lib/pages";

/** A service's name where it has one port; with the port where two routes use two of them. */
function upstreamName(service: string, port: number, routes: readonly Route[]): string {
  const ports = new Set(
    routes.flatMap((route) =>
      route.servers.filter((server) => server.service === service).map((server) => server.port),
    ),
  );
  return ports.size > 1 ? `${service}_${port}` : service;
}

/** Groups of servers by name, each as plimsoll.js takes it. */
export function groupsOf(routes: readonly Route[]) {
  const byName = new Map<string, Route>();
  for (const route of routes) if (!byName.has(route.upstream)) byName.set(route.upstream, route);
  return [...byName.values()].map((route) => {
    const servers = route.servers.map(({ service, port, spare }) => ({
      name: upstreamName(service, port, routes),
      address: `${service}:${port}`,
      spare: spare === true,
    }));
    return {
      name: route.upstream,
      // A schedule of other servers must not be read by these: their names are part of its key.
      key: [route.upstream, ...servers.map((server) => server.name)].join(" "),
      servers: servers.map((server) => server.name),
      spares: servers.filter((server) => server.spare).map((server) => server.name),
      addresses: Object.fromEntries(servers.map((server) => [server.name, server.address])),
      health: route.health,
    };
  });
}

/** `/api` takes `/api` and what lies below it, not `/apix`. */
function locationsOf(path: string): string[] {
  if (path === "/") return ["/"];
  const bare = path.replace(/\/$/, "");
  return [`= ${literal(bare)}`, `^~ ${literal(`${bare}/`)}`];
}

function headersOf({ headers }: Nginx): { name: string; upstream: string; value: string }[] {
  const all: [string, string | false][] = [
    ["X-Content-Type-Options", headers.content_type_options && "nosniff"],
    ["X-Frame-Options", headers.frame_options],
    ["Referrer-Policy", headers.referrer_policy],
    ["Permissions-Policy", headers.permissions_policy],
    ["Content-Security-Policy", headers.content_security_policy],
  ];
  return all.flatMap(([name, value]) =>
    value === false || value === ""
      ? []
      : [
          {
            name,
            upstream: `$upstream_http_${name.toLowerCase().replaceAll("-", "_")}`,
            value: quote(value),
          },
        ],
  );
}

/** Nothing may be loaded or run but the page's own style, and nobody may show it within a page of theirs. */
function policyOf({ style }: Page): string {
  const hash =
    style &&
    createHash("sha256")
      .update(readOwn(`templates/${style}`))
      .digest("base64");
  return [
    "default-src 'none'",
    ...(hash ? [`style-src 'sha256-${hash}'`] : []),
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ].join("; ");
}

/** Workers as cores, connections from memory: 24 KiB each on average, beside 32 MiB for workers and dictionaries. */
export function capacity(grant: Grant) {
  const workers = Math.min(16, Math.max(1, Math.ceil(grant.cpus)));
  const all = Math.max(512, Math.floor((grant.memory - 32 * MiB) / (24 * 1024)));
  const connections = Math.max(256, Math.floor(all / workers));
  return { workers, connections, files: connections * 2 + 256 };
}

export function usesTls({ environment }: Pick<Context, "environment">): boolean {
  return environment !== "local";
}

export function edgeModel(routes: readonly Route[]) {
  return {
    groups: groupsOf(routes).map((group) => ({
      json: script(group),
      key: script(group.key),
      name: script(group.name),
      servers: script(group.servers),
    })),
  };
}

export function controlModel(routes: readonly Route[]) {
  return { groups: script(groupsOf(routes)) };
}

export function startModel(context: Context) {
  return {
    tls: usesTls(context) && { folder: CERTIFICATES, name: shellWord(context.spec.domain) },
  };
}

export function confModel(
  options: Nginx,
  grant: Grant,
  routes: readonly Route[],
  pages: readonly Page[],
  context: Context,
) {
  const tls = usesTls(context);
  const groups = groupsOf(routes);
  const upstreams = new Map(
    groups.flatMap((group) => group.servers.map((name) => [name, group.addresses[name] as string])),
  );
  const indexOf = (name: string) => groups.findIndex((group) => group.name === name);
  const root = routes.find((route) => route.path === "/");
  const { timeouts } = options;
  // A page wins where an upload's path or a route is the same: nginx takes no location twice.
  const taken = new Set(pages.map(({ path }) => `= ${literal(path)}`));
  const free = (locations: readonly string[]) => locations.filter((location) => !taken.has(location));
  const uploads = (options.uploads?.paths ?? []).flatMap((path) => {
    const route = [...routes]
      .sort((a, b) => b.path.length - a.path.length)
      .find((candidate) => `${path}/`.startsWith(candidate.path.replace(/\/?$/, "/")));
    return route === undefined
      ? []
      : [
          {
            locations: free(locationsOf(path)),
            group: indexOf(route.upstream),
            uploads: options.uploads?.body ?? 0,
          },
        ];
  });
  return {
    ...capacity(grant),
    dollar: DOLLAR,
    resolver: "127.0.0.11",
    // As a request from outside would name it, so that the application answers a probe as it answers a visitor.
    probe: { host: quote(context.spec.domain), scheme: tls ? "https" : "http" },
    // A cell is some 100 bytes; a server has 13 for each status code it answers.
    meter: 256 + 32 * upstreams.size,
    keepalive: Math.max(4, Math.min(64, Math.floor(1024 / Math.max(1, upstreams.size)))),
    drain: timeouts.drain,
    limits: {
      body: options.body,
      headerTimeout: Math.ceil(timeouts.header),
      bodyTimeout: Math.ceil(timeouts.body),
      sendTimeout: Math.ceil(timeouts.send),
      idle: Math.ceil(timeouts.idle),
      idleAtLeast: Math.min(10, Math.ceil(timeouts.idle)),
      answer: Math.ceil(timeouts.answer),
      stream: Math.ceil(timeouts.stream),
      perAddress: options.connections,
    },
    rate: options.rate !== false && { rate: options.rate.requests, burst: options.rate.burst, zone: 4096 },
    trusted: options.trusted_proxies.length > 0 && options.trusted_proxies.map(literal),
    realIpHeader: options.client_address,
    ownTraces: context.spec.tracing !== undefined && !context.spec.tracing.trust_clients,
    cors: options.cors !== undefined && {
      origins: [...new Set(options.cors.origins)].map(literal),
      maxAge: Math.ceil(options.cors.max_age),
    },
    headers: headersOf(options),
    pages: pages.map((page) => ({
      location: literal(page.path),
      file: quote(`${PAGES}/${page.volume}/${page.file}`),
      type: quote(`${page.type}; charset=utf-8`),
      policy: quote(policyOf(page)),
    })),
    gzip: options.gzip,
    tls: tls && {
      folder: CERTIFICATES,
      hsts: options.headers.hsts === false ? false : String(Math.ceil(options.headers.hsts)),
      redirectPort: options.https === 443 ? "" : `:${options.https}`,
    },
    // In local any name will do: localhost, the machine's own, an address.
    names: tls && [...new Set([context.spec.domain, ...options.names])].map(literal),
    groups: groups.map(({ name }) => ({ name })),
    upstreams: [...upstreams].map(([name, address]) => ({ name, address })),
    routes: [
      ...routes.map((route) => ({
        locations: free(locationsOf(route.path)),
        group: indexOf(route.upstream),
        uploads: false,
      })),
      ...uploads,
    ],
    health: root !== undefined &&
      root.health !== "/health" && { path: quote(root.health), group: indexOf(root.upstream) },
  };
}
