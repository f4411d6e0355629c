/** Errors by what they are: how often, since when, in which releases. Asked of Elasticsearch in one round trip. */
import { valueAt } from "../../generator/spec/faults.ts";
import { type Facts, parseFacts } from "../checks/facts.ts";
import { nothingThere } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { requireDone } from "../settings/place.ts";
import type { Site } from "../site/site.ts";
import { type Bucket, readAnswers } from "./errors-answers.ts";
import { barOf, type ErrorsAsked, searchesOf } from "./errors-query.ts";
import { observeScript } from "./script.ts";

export type ErrorGroup = {
  key: string;
  name: string;
  /** In the window that was asked for. */
  count: number;
  /** In all logs that are kept, as are the moments, in seconds of the epoch. */
  total: number;
  first: number;
  last: number;
  /** In the order in which they were first seen with it. */
  releases: string[];
  services: string[];
  /** Seen in releases that run, and in none before them. */
  new: boolean;
};

export type ErrorsFound = {
  since: number;
  now: number;
  groups: ErrorGroup[];
  /** Groups beyond the limit. */
  more: number;
  /** Releases that run. */
  running: string[];
  /** Of all errors that are kept, the oldest; absent where none is. */
  oldest?: number;
  /** True where Elasticsearch could not look everywhere. */
  partial: boolean;
};

export type ErrorDetail = ErrorGroup & {
  /** In the window, each bar `bar` seconds long. */
  times: { from: number; count: number }[];
  bar: number;
  newest: {
    at: string;
    service?: string;
    release?: string;
    level?: string;
    message?: string;
    error?: string;
    stack?: string;
    request?: string;
    trace?: string;
    path?: string;
  };
};

/** @throws Problem where nothing runs there, where there are no logs, or where they cannot be read */
export async function askErrors(site: Site, asked: ErrorsAsked, signal?: AbortSignal): Promise<Facts> {
  const input = searchesOf(asked);
  const outcome = await site.host.script(observeScript("errors"), [site.project], { input, signal });
  const facts = parseFacts(requireDone(site, outcome, "asking for errors").stdout);
  if (!facts.number("containers")) throw await nothingThere(site);
  requireAnswer(facts, site.environment);
  return facts;
}

export function requireAnswer(facts: Facts, environment: string): void {
  const failed = facts.one("errors_failed");
  const instead = `What services say without Elasticsearch: plimsoll logs ${environment} --grep error`;
  if (failed?.includes("No such file"))
    throw new Problem(
      "what runs there is of a plimsoll that did not group errors",
      `Deploy once: plimsoll deploy ${environment}. Errors are grouped from then on.\n${instead}`,
    );
  if (failed !== undefined)
    throw new Problem(
      `the logs cannot be read: ${saidIn(failed)}`,
      `plimsoll ps ${environment}\nplimsoll logs ${environment} --service elasticsearch\n${instead}`,
    );
  if (facts.one("groups") === undefined)
    throw new Problem(
      `${environment} has no Elasticsearch: no container of elastic-keeper`,
      `It comes with logging in stack.yaml and images: official, and a deploy.\n${instead}`,
    );
}

/** Our scripts log in JSON. */
function saidIn(line: string): string {
  try {
    return String((JSON.parse(line) as { message?: unknown }).message ?? line);
  } catch {
    return line;
  }
}

/** The loudest first. @throws Problem where an answer is not understood */
export function errorsOf(facts: Facts, asked: ErrorsAsked): ErrorsFound {
  const { found, buckets, older, running, partial } = readAnswers(facts);
  const oldest = found?.oldest.value ?? undefined;
  const groups = buckets
    .map((bucket) => groupOf(bucket, running, older))
    .filter(({ count }) => count > 0)
    .sort((one, other) => other.count - one.count || other.last - one.last);
  return {
    since: Math.floor(asked.since),
    now: Math.floor(asked.now),
    groups,
    more: Math.max(0, (found?.chosen.all.value ?? 0) - (found?.chosen.groups.buckets.length ?? 0)),
    running,
    ...(oldest !== undefined && { oldest: oldest / 1000 }),
    partial,
  };
}

/** @throws Problem (2) where the key is nobody's, or more than one's */
export function errorDetailOf(facts: Facts, asked: ErrorsAsked, environment: string): ErrorDetail {
  const { buckets, older, running } = readAnswers(facts);
  const [bucket, ...more] = buckets;
  if (!bucket)
    throw new Problem(
      `no error that is kept has the key ${asked.key}`,
      `Which there are: plimsoll errors ${environment} --since 30d`,
      2,
    );
  if (more.length > 0) {
    const meant = buckets.map((one) => `  ${one.key}  ${groupOf(one, running, older).name}`).join("\n");
    throw new Problem(`${asked.key} begins the key of more than one error`, meant, 2);
  }
  const source = bucket.newest.hits.hits[0]?._source ?? {};
  const at = (path: string) => textAt(source, path);
  const newest = {
    at: at("@timestamp"),
    service: at("service.name"),
    release: at("service.version"),
    level: at("log.level"),
    message: at("message"),
    error: at("error.message"),
    stack: at("error.stack_trace"),
    request: at("http.request.id"),
    trace: at("trace.id"),
    path: at("url.path"),
  };
  const bars = bucket.window.times?.buckets ?? [];
  return {
    ...groupOf(bucket, running, older),
    times: bars.map(({ key, doc_count }) => ({ from: key / 1000, count: doc_count })),
    bar: barOf(asked),
    newest: JSON.parse(JSON.stringify(newest)) as ErrorDetail["newest"],
  };
}

function groupOf(bucket: Bucket, running: readonly string[], older: boolean): ErrorGroup {
  const releases = bucket.releases.buckets.map(({ key }) => key);
  return {
    key: bucket.key,
    name: textAt(bucket.newest.hits.hits[0]?._source ?? {}, "error.grouping_name") ?? "an error",
    count: bucket.window.doc_count,
    total: bucket.doc_count,
    first: (bucket.first.value ?? 0) / 1000,
    last: (bucket.last.value ?? 0) / 1000,
    releases,
    services: bucket.services.buckets.map(({ key }) => key).sort(),
    new: older && releases.length > 0 && releases.every((release) => running.includes(release)),
  };
}

/** A line's field, as `error.type`. Ours are nested: the pipelines make them so. */
function textAt(source: object, path: string): string | undefined {
  const value = valueAt(source, path.split("."));
  return value === undefined || value === null || typeof value === "object" ? undefined : String(value);
}
