/** DigitalOcean's API v2 with fetch: https://docs.digitalocean.com/reference/api/. Answers are checked, faults are in words. */
import { z } from "zod";
import { Problem } from "../problem.ts";

export const API_URL = "https://api.digitalocean.com";

export type Api = {
  /** @throws Problem for an answer that is a fault, or not of the shape */
  ask<Shape extends z.ZodType>(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    shape: Shape,
    body?: unknown,
  ): Promise<z.output<Shape>>;
  /** Every page of a list: `all("/v2/droplets", "droplets", Droplet)`. */
  all<Shape extends z.ZodType>(path: string, key: string, shape: Shape): Promise<z.output<Shape>[]>;
};

export type ApiOptions = {
  /** Never printed. */
  token: string;
  /** API_URL if absent; for tests. */
  url?: string;
  signal?: AbortSignal;
  say?(line: string): void;
  /** Milliseconds; for tests. */
  wait?(milliseconds: number): Promise<void>;
};

const Fault = z.object({
  id: z.string().optional(),
  message: z.string().optional(),
  request_id: z.string().optional(),
});

const Page = z.looseObject({
  links: z.object({ pages: z.object({ next: z.string().optional() }).optional() }).optional(),
});

/** Seconds that a limit may be waited for; beyond that a person decides. */
const PATIENCE = 90;
const TRIES = 4;

/** @throws Problem (2) where the token or the address is none */
export function digitalOcean({ token, url = API_URL, signal, say, wait = sleep }: ApiOptions): Api {
  const base = addressOf(url);
  if (!/^[\x21-\x7e]+$/.test(token)) throw noToken();

  async function send(method: string, path: string, body: unknown): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const answer = await once(method, path, body);
      const seconds = again(answer, method, attempt);
      if (seconds === undefined) {
        if (answer instanceof Error) throw unreachable(base, answer, method);
        return answer;
      }
      if (seconds > 5) say?.(`DigitalOcean's limit of requests is reached: going on in ${seconds} s`);
      await wait(seconds * 1000);
    }
  }

  async function once(method: string, path: string, body: unknown): Promise<Response | Error> {
    const limit = AbortSignal.timeout(30_000);
    try {
      return await fetch(new URL(path, base), {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          accept: "application/json",
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        // A token follows nobody elsewhere.
        redirect: "error",
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
    } catch (error) {
      signal?.throwIfAborted();
      return error as Error;
    }
  }

  async function ask<Shape extends z.ZodType>(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    shape: Shape,
    body?: unknown,
  ): Promise<z.output<Shape>> {
    const answer = await send(method, path, body);
    const text = await answer.text();
    let content: unknown;
    try {
      content = text === "" ? undefined : JSON.parse(text);
    } catch {
      if (answer.ok) throw strange(method, path, "its answer is no JSON");
    }
    // Gone is gone: a first try whose answer was lost has done it.
    if (method === "DELETE" && answer.status === 404) content = undefined;
    else if (!answer.ok) throw explain(answer, method, path, Fault.safeParse(content).data ?? {});
    const parsed = shape.safeParse(content);
    if (!parsed.success) throw strange(method, path, z.prettifyError(parsed.error));
    return parsed.data;
  }

  async function all<Shape extends z.ZodType>(
    path: string,
    key: string,
    shape: Shape,
  ): Promise<z.output<Shape>[]> {
    const found: z.output<Shape>[] = [];
    let next: string | undefined = `${path}${path.includes("?") ? "&" : "?"}per_page=200`;
    while (next !== undefined) {
      const page: Record<string, unknown> & z.output<typeof Page> = await ask("GET", next, Page);
      const items = z.array(shape).safeParse(page[key]);
      if (!items.success) throw strange("GET", path, z.prettifyError(items.error));
      found.push(...items.data);
      // Path and query alone: the token goes to no other host than the one that was named.
      const link: string | undefined = page.links?.pages?.next;
      const url: URL | undefined = link === undefined ? undefined : new URL(link, base);
      next = url && `${url.pathname}${url.search}`;
    }
    return found;
  }

  return { ask, all };
}

/** Seconds to wait before trying the same again; undefined for not at all. */
function again(answer: Response | Error, method: string, attempt: number): number | undefined {
  if (attempt >= TRIES) return undefined;
  // What makes something is not sent twice: the first may have arrived.
  const harmless = method === "GET" || method === "DELETE" || method === "PUT";
  if (answer instanceof Error) return harmless ? attempt : undefined;
  if (answer.status === 429) {
    const seconds = limitOf(answer);
    return seconds !== undefined && seconds <= PATIENCE ? Math.max(1, seconds) : undefined;
  }
  return answer.status >= 500 && harmless ? attempt : undefined;
}

/** Seconds until there may be another request: `retry-after`, or `ratelimit-reset` as seconds since 1970. */
function limitOf({ headers }: Response): number | undefined {
  const after = Number(headers.get("retry-after") ?? Number.NaN);
  if (Number.isFinite(after)) return after;
  const reset = Number(headers.get("ratelimit-reset") ?? Number.NaN);
  return Number.isFinite(reset) ? Math.ceil(reset - Date.now() / 1000) : undefined;
}

function explain(answer: Response, method: string, path: string, fault: z.output<typeof Fault>): Problem {
  const said = fault.message ?? answer.statusText;
  const id = fault.request_id ? ` (request ${fault.request_id})` : "";
  switch (answer.status) {
    case 401:
      return new Problem(
        `DigitalOcean does not take this token: ${said}`,
        "Make one with read and write scope at https://cloud.digitalocean.com/account/api/tokens, and: export DIGITALOCEAN_TOKEN=...",
        2,
      );
    case 403:
      return new Problem(
        `this token may not do that (${method} ${bare(path)}): ${said}`,
        "Give it the scopes droplet, firewall, tag and ssh_key, read, create, update and delete.",
        2,
      );
    case 404:
      return new Problem(`DigitalOcean knows no ${bare(path)}: ${said}`);
    case 422:
      return new Problem(
        `DigitalOcean does not accept this: ${said}${id}`,
        "Not every size and image is in every region: --region, --size and --image name others. https://slugs.do-api.dev lists them.",
        2,
      );
    case 429: {
      const seconds = limitOf(answer);
      const when = seconds === undefined ? "later" : `in ${Math.ceil(seconds / 60)} min`;
      return new Problem(
        `DigitalOcean's limit of requests is reached (5,000 an hour, 250 a minute): ${said}`,
        `Run this again ${when}: it finds what was made already.`,
      );
    }
    default:
      return new Problem(
        `DigitalOcean answered ${answer.status} to ${method} ${bare(path)}: ${said}${id}`,
        "See https://status.digitalocean.com, then run this again: it finds what was made already.",
      );
  }
}

function bare(path: string): string {
  return path.replace(/\?.*$/, "");
}

function unreachable(base: URL, error: Error, method: string): Problem {
  const cause = error.cause instanceof Error ? error.cause.message : error.message;
  return new Problem(
    `${base.host} does not answer: ${cause}`,
    method === "POST"
      ? "It may have been done all the same. Run this again: it finds what was made."
      : "Check the network, then run this again.",
  );
}

function strange(method: string, path: string, why: string): Problem {
  return new Problem(`DigitalOcean's answer to ${method} ${bare(path)} is not as documented: ${why}`);
}

/** Only over TLS, or to this machine: the token is in every request. */
function addressOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const own = url?.protocol === "http:" && /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(url.hostname);
  if (url && (url.protocol === "https:" || own)) return url;
  throw new Problem(
    `DIGITALOCEAN_API_URL is ${JSON.stringify(text)}`,
    "Expected an https:// address, or http:// on this machine.",
    2,
  );
}

/** @throws Problem (2) where there is none */
export function apiFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  options: Pick<ApiOptions, "signal" | "say"> = {},
): Api {
  const token = environment.DIGITALOCEAN_TOKEN?.trim();
  if (!token) throw noToken();
  return digitalOcean({ token, url: environment.DIGITALOCEAN_API_URL || API_URL, ...options });
}

function noToken(): Problem {
  return new Problem(
    "there is no usable token of DigitalOcean in DIGITALOCEAN_TOKEN",
    "Make one at https://cloud.digitalocean.com/account/api/tokens, then: read -rs DIGITALOCEAN_TOKEN && export DIGITALOCEAN_TOKEN",
    2,
  );
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
