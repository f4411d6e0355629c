/** A line for people: JSON of ECS, PostgreSQL and nginx becomes level, message and what belongs to it. */
import { type Paint, printable, type Style } from "../../../generator/report/paint.ts";
import type { LogLine } from "./lines.ts";

export type RenderOptions = {
  paint: Paint;
  /** Columns of the longest service's name. */
  width: number;
  /** The text as it was written. */
  raw?: boolean;
  /** Short local times, as a person at a terminal reads them. */
  shortTimes?: boolean;
};

const COLOURS: readonly Style[] = ["cyan", "green", "magenta", "blue", "yellow"];

export function renderLine(line: LogLine, options: RenderOptions): string {
  const { paint, width, raw, shortTimes } = options;
  const time = shortTimes ? new Date(line.at).toTimeString().slice(0, 8) : `${line.at.slice(0, 23)}Z`;
  const prefix = `${paint("dim", time)} ${paint(colourOf(line.service), line.service.padEnd(width))} `;
  if (raw) return `${prefix}${line.text}`;
  const { level, text, more } = readable(line.text);
  const style = styleOf(level);
  const body = printable(text);
  return `${prefix}${style ? paint(style, body) : body}${more ? ` ${paint("dim", printable(more))}` : ""}`;
}

function colourOf(service: string): Style {
  const sum = [...service].reduce((total, letter) => (total * 31 + letter.charCodeAt(0)) >>> 0, 7);
  return COLOURS[sum % COLOURS.length] as Style;
}

function styleOf(level: string | undefined): Style | undefined {
  if (level === undefined) return undefined;
  if (/^(error|err|fatal|panic|crit|alert|emerg)/i.test(level)) return "red";
  return /^warn/i.test(level) ? "yellow" : undefined;
}

export type Readable = { level?: string; text: string; more?: string };

export function readable(text: string): Readable {
  if (!text.startsWith("{")) return { level: /\b(ERROR|FATAL|PANIC|WARN(?:ING)?)\b/.exec(text)?.[1], text };
  let fields: Map<string, unknown>;
  try {
    fields = flatten(JSON.parse(text));
  } catch {
    return { text };
  }
  const take = (...names: string[]) => {
    const values = names.map((name) => fields.get(name));
    for (const name of names) fields.delete(name);
    return values.find((value) => value !== undefined && value !== null && value !== "");
  };
  const level = asText(take("log.level", "level", "error_severity", "severity"));
  const request = requestOf(take);
  const message = asText(take("message", "msg"));
  const fault = asText(take("error.message", "err.message", "error"));
  const stack = asText(take("error.stack_trace", "err.stack", "stack"));
  take(...NOISE);
  const said = [message, request, fault !== message ? fault : undefined].filter(Boolean).join("  ") || text;
  const shown = level && !/^(info|log)$/i.test(level) ? `${level.toUpperCase()} ${said}` : said;
  return {
    level,
    text: stack ? `${shown}\n${stack.replace(/^/gm, "    ")}` : shown,
    more: said === text ? undefined : [...fields].flatMap(([name, value]) => short(name, value)).join(" "),
  };
}

/** Fields that say nothing here: what wrote it and when is in front of the line. */
const NOISE = [
  "@timestamp",
  "timestamp",
  "time",
  "ts",
  "ecs.version",
  "service.name",
  "service.version",
  "service.environment",
  "service.node.name",
  "process.pid",
  "pid",
  "host.hostname",
  "hostname",
  "event.dataset",
  "event.outcome",
  "log.logger",
  "backend_type",
  "process.thread.name",
  "http.version",
  "user_agent.original",
  "http.request.referrer",
  "url.domain",
  "tls.version",
  "nginx.upstream.name",
  "nginx.upstream.status",
  "nginx.upstream.seconds",
  "http.request.bytes",
  "session_id",
  "session_start",
  "line_num",
  "vxid",
  "txid",
  "ps",
  "query_id",
  "caller",
];

/** `GET /courses 200 12 ms`. */
function requestOf(take: (...names: string[]) => unknown): string | undefined {
  const method = asText(take("http.request.method"));
  const path = asText(take("url.path", "url.original"));
  const status = asText(take("http.response.status_code"));
  const duration = Number(take("event.duration"));
  if (!method && !path) return status;
  const took = duration > 0 ? `${Math.round(duration / 1e6)} ms` : undefined;
  return [method, path, status, took].filter(Boolean).join(" ");
}

function asText(value: unknown): string | undefined {
  return value === undefined || value === null
    ? undefined
    : typeof value === "object"
      ? JSON.stringify(value)
      : String(value);
}

function short(name: string, value: unknown): string[] {
  const text = asText(value);
  return text === undefined || text === "" || text === "-" || text.length > 120 ? [] : [`${name}=${text}`];
}

/** `{"log":{"level":"info"}}` and `{"log.level":"info"}` are the same. */
function flatten(value: unknown, prefix = "", into = new Map<string, unknown>()): Map<string, unknown> {
  for (const [key, inner] of Object.entries(value as object)) {
    const name = prefix + key;
    if (typeof inner === "object" && inner !== null && !Array.isArray(inner))
      flatten(inner, `${name}.`, into);
    else into.set(name, inner);
  }
  return into;
}
