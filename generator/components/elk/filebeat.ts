/** Filebeat: reads what Docker's json-file driver writes, this project's lines alone, and no Docker socket. */
import { MiB } from "../../spec/words.ts";
import type { Context, File, Grants } from "../component.ts";

const CONTAINERS = "/var/lib/docker/containers";

/** Lines that wait while Logstash is away. Docker's own files hold the last 30 MB of each service beside it. Bytes. */
export function filebeatQueue(grants: Grants): number {
  return Math.floor((grants.volume("filebeat-data") * 0.8) / MiB) * MiB;
}

export function filebeatMount(source: string) {
  return {
    type: "bind",
    source,
    target: CONTAINERS,
    read_only: true,
    bind: { create_host_path: false },
  } as const;
}

/**
 * Lines that belong to an error as Node, Python and Java print it: those that come together become one. No line of JSON
 * is any of them, so that none is joined to another: the usual way, to append what continues to the line before, would
 * append to JSON. A plain line before the trace stays a line of its own; two traces at once become one: a line that begins
 * a trace cannot end what is before it, since `while_pattern` knows no beginning, and `TypeError:` begins one of Node's,
 * stands within its crash, and ends one of Python's.
 */
export const STACK_TRACE = `^(?:${[
  // What is indented, an empty line, the end of an error's own fields.
  String.raw`\s`,
  "$",
  String.raw`[}\])]+\s*$`,
  // Where Node stopped, and what it says at last.
  String.raw`(?:(?:file://)?/|node:)\S+:\d+\s*$`,
  String.raw`Node\.js v\d`,
  // Python.
  String.raw`Traceback \(most recent call last\):`,
  "During handling of the above exception|The above exception was the direct cause",
  // Java.
  'Exception in thread "|Caused by: ',
  // TypeError: x, TypeError [ERR_X]: x, java.io.IOException: x, KeyError
  String.raw`(?:Uncaught )?(?:[\w$]+\.)*(?:[A-Z][\w$]*)?(?:Error|Exception)(?: \[\w+\])?(?::|\s*$)`,
].join("|")})`;

/** What it waits at a file's end before it looks again, twice as long each time. Its own defaults: `timeout` hangs on them. */
export const BACKOFF = { init: "2s", max: "10s" } as const;

export const MULTILINE = {
  type: "while_pattern",
  pattern: STACK_TRACE,
  // Without a number it is 500. Beyond it lines are still taken, and dropped without a word.
  max_lines: 5000,
  // A document ends at a line that is none of a trace, or after this long without a line. Less than the shortest wait at
  // a file's end, so that it ends there too: with Filebeat's five seconds a service that prints nothing but traces, one
  // each second, would have one document, when it stops. A trace that is half written then is two.
  timeout: "1s",
} as const;

export function filebeatFiles(project: string, grants: Grants, context: Context): File[] {
  return [
    {
      path: "elk/filebeat/filebeat.yml",
      restarts: ["filebeat"],
      content: {
        yaml: {
          name: `${context.spec.name}-${context.environment}`,
          "filebeat.inputs": [
            {
              type: "filestream",
              id: "containers",
              paths: [`${CONTAINERS}/*/*-json.log`],
              // A fingerprint needs the first kilobyte: quiet services would not be read for days.
              "file_identity.native": null,
              "prospector.scanner.fingerprint.enabled": false,
              backoff: BACKOFF,
              parsers: [
                // On the raw line: what a program prints is escaped in there and cannot pass for Docker's label.
                { include_message: { patterns: [projectPattern(project)] } },
                { container: { stream: "all", format: "docker" } },
                { multiline: MULTILINE },
              ],
            },
          ],
          processors: [{ drop_fields: { fields: ["agent", "ecs", "input", "log"], ignore_missing: true } }],
          "queue.disk.max_size": filebeatQueue(grants),
          "output.logstash": { hosts: ["logstash:5044"] },
          // For the keeper, on the network of the logs.
          http: { enabled: true, host: "0.0.0.0", port: 5066 },
          logging: { level: "info", to_stderr: true, metrics: { enabled: false } },
        },
      },
    },
  ];
}

/** Compose's label as Docker writes it beside each line of a container of this project. */
export function projectPattern(project: string): string {
  const escaped = project.replace(/[^a-z0-9_-]/g, (character) => `\\${character}`);
  return String.raw`"com\.docker\.compose\.project":"${escaped}"`;
}
