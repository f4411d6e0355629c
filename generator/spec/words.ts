/**
 * The words people use in stack.yaml: sizes, durations, shares, schedules, names. Each is a zod schema that
 * takes the word and yields the value the rest of the generator computes with.
 */
import { z } from "zod";

const KiB = 1024;
export const MiB = KiB * KiB;
export const GiB = KiB * MiB;

const SIZE_UNITS: Record<string, number> = { B: 1, KB: KiB, MB: MiB, GB: GiB, TB: KiB * GiB };
const DURATION_UNITS: Record<string, number> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
};

/** What editors and docs/stack.md say of a kind of word; `title` is its name there. */
type About = { title: string; description: string; examples: string[] };

function word<T>(pattern: RegExp, parse: (match: RegExpExecArray) => T, expected: string, about: About) {
  return (
    z
      .string({ error: `expected ${expected}` })
      .regex(pattern, { error: `expected ${expected}`, abort: true })
      // On the text and not on what it becomes: the JSON Schema describes what is written.
      .meta(about)
      .transform((text) => parse(pattern.exec(text) as RegExpExecArray))
  );
}

/** Bytes. `512MB`, `1.5GB`, `1GiB`, and as Docker writes them `512m`, `1g`: powers of 1024, as PostgreSQL, Docker and the JVM read them. */
export const Size = word(
  /^(\d+(?:\.\d+)?) ?(?:([KMGTkmgt])(?:i?[Bb])?|B)$/,
  ([, number, unit = ""]) => Math.floor(Number(number) * (SIZE_UNITS[`${unit.toUpperCase()}B`] as number)),
  "a size such as 512MB or 20GB",
  { title: "size", description: "A size, in powers of 1024: 512MB, 20GB", examples: ["512MB", "20GB"] },
);
export type Size = z.output<typeof Size>;

/** Seconds. `500ms`, `30s`, `10m`, `1h`, `30d`, `2w`. */
export const Duration = word(
  /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d|w)$/,
  ([, number, unit]) => Number((Number(number) * (DURATION_UNITS[unit as string] as number)).toFixed(3)),
  "a duration such as 500ms, 30s, 10m, 1h or 30d",
  { title: "duration", description: "A duration: 500ms, 30s, 10m, 1h, 30d", examples: ["30s", "10m", "30d"] },
);
export type Duration = z.output<typeof Duration>;

/** A duration within bounds, in seconds. */
export const Between = (low: number, high: number) =>
  Duration.refine((seconds) => seconds >= low && seconds <= high, {
    error: `expected a duration of ${low} s to ${high} s`,
  });

/** A share between 0 and 1, written as a percentage: `10%`, `99.9%`. */
export const Share = word(
  /^(100(?:\.0+)?|\d{1,2}(?:\.\d+)?) ?%$/,
  ([, number]) => Number((Number(number) / 100).toFixed(8)),
  "a share such as 10% or 99.9%",
  { title: "share", description: "A share: 10%, 99.9%", examples: ["10%", "99.9%"] },
);
export type Share = z.output<typeof Share>;

const CRON_RANGES = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;

function cronFieldFits(field: string, [low, high]: readonly [number, number]): boolean {
  return field.split(",").every((part) => {
    const match = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part);
    if (!match) return false;
    const [, from, to, step] = match.map((text) => (text === undefined ? undefined : Number(text)));
    if (step === 0) return false;
    if (from === undefined) return true;
    return from >= low && from <= high && (to === undefined || (to >= from && to <= high));
  });
}

/** A cron schedule of five fields, in UTC: `30 3 * * *`. */
export const Schedule = z
  .string({ error: "expected a cron schedule of five fields, such as 30 3 * * *" })
  .refine(
    (text) => {
      const fields = text.split(" ");
      return (
        fields.length === 5 &&
        fields.every((field, index) => cronFieldFits(field, CRON_RANGES[index] as readonly [number, number]))
      );
    },
    { error: "expected a cron schedule of five fields (minute hour day month weekday), such as 30 3 * * *" },
  )
  .meta({
    title: "schedule",
    // What can be said without arithmetic; the ranges are the loader's.
    pattern: "^[0-9*,/-]+( [0-9*,/-]+){4}$",
    examples: ["30 3 * * *"],
    description: "A cron schedule in UTC: minute hour day month weekday",
  });
export type Schedule = z.output<typeof Schedule>;

/** A name that is also a DNS label: stacks, processes. At most 40 characters, so that what is added to it still fits in 63. */
export const Name = z
  .string({ error: "expected a name" })
  .regex(/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/, {
    error:
      "expected a name of small letters, digits and hyphens that starts with a letter, such as my-api (at most 40 characters)",
  })
  .meta({ title: "name", examples: ["my-api"] });
export type Name = z.output<typeof Name>;

const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const HOST = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`);

/** A host name, lower case, without scheme, port or path. */
export const Domain = z
  .string({ error: "expected a host name such as api.example.com" })
  .regex(HOST, { error: "expected a host name such as api.example.com: no scheme, port or path" })
  .meta({ title: "host name", examples: ["api.example.com"] });
export type Domain = z.output<typeof Domain>;

const DESTINATION = "expected a host as ssh takes it, such as deploy@203.0.113.7 or a name of ssh_config";

/** Where ssh goes. It becomes an argument of ssh: nothing that ssh or a shell would take for something else. */
export const Destination = z
  .string({ error: DESTINATION })
  .max(255)
  .regex(
    /^(ssh:\/\/)?([A-Za-z0-9_][A-Za-z0-9_.-]*@)?([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f]*:[0-9A-Fa-f:]+)(:\d{1,5})?$/,
    {
      error: DESTINATION,
    },
  )
  .meta({ examples: ["deploy@203.0.113.7", "fkod-droplet"] });
export type Destination = z.output<typeof Destination>;

/** A web origin as browsers send it: scheme and host, a port where it is not the usual one, no path. */
export const Origin = z
  .string({ error: "expected an origin such as https://example.com" })
  .regex(/^https?:\/\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::\d{1,5})?$/, {
    error: "expected an origin such as https://example.com: a scheme and a host, no path and no *",
  })
  .meta({ title: "origin", examples: ["https://example.com"] });
export type Origin = z.output<typeof Origin>;

/** Where a Docker engine keeps its containers, on its machine. */
export const ContainersFolder = z
  .string({ error: "expected a folder such as /var/lib/docker/containers" })
  .regex(/^\/(?:[A-Za-z0-9_][A-Za-z0-9._-]*\/)*[A-Za-z0-9_][A-Za-z0-9._-]*$/, {
    error: "expected an absolute folder such as /var/lib/docker/containers",
  })
  .default("/var/lib/docker/containers");

/** The path of a URL: `/health`. No query, no escapes, nothing a server or a shell would read as syntax. */
export const UrlPath = z
  .string({ error: "expected a path such as /health" })
  // Segments and the slash between them in one way only: otherwise a long wrong path would be tried in every way.
  .regex(/^\/(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*\/?)?$/, {
    error: "expected a path such as /health",
  })
  .max(200)
  .meta({ title: "path of a URL", examples: ["/health"] });
export type UrlPath = z.output<typeof UrlPath>;

/** A TCP port a user may choose. */
export const Port = z
  .int({ error: "expected a port between 1 and 65535" })
  .min(1, { error: "expected a port between 1 and 65535" })
  .max(65_535, { error: "expected a port between 1 and 65535" })
  .meta({ title: "port" });
export type Port = z.output<typeof Port>;

/** The name of an environment variable. */
export const EnvironmentName = z
  .string()
  .regex(/^[A-Z_][A-Z0-9_]{0,127}$/, { error: "expected a variable's name in capitals, such as LOG_LEVEL" })
  .meta({ title: "VARIABLE" });
export type EnvironmentName = z.output<typeof EnvironmentName>;

/** The value of an environment variable. Numbers and booleans are taken as they are written. One line. */
export const EnvironmentValue = z
  .union([z.string(), z.number(), z.boolean()], { error: "expected a text, a number, true or false" })
  .meta({ title: "value" })
  .transform(String)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
  .refine((text) => !/[\u0000-\u001f\u007f]/.test(text), {
    error: "expected one line without control characters",
  })
  .refine((text) => text.length <= 8192, { error: "expected at most 8192 characters" });

/** A reference to a container image with a tag or a digest. `latest` is refused: it does not say what runs. */
export const ImageName = z
  .string({ error: "expected an image such as ghcr.io/me/api:1.4.0" })
  .max(255)
  .regex(
    /^(?:[a-z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[a-f0-9]{64})?$/,
    { error: "expected an image such as ghcr.io/me/api:1.4.0" },
  )
  .regex(/^(?!.*:latest$).*:[^/]+$/, {
    error: "expected an image with an exact tag or digest, such as ghcr.io/me/api:1.4.0 (not latest)",
  })
  .meta({ title: "image", examples: ["ghcr.io/me/api:1.4.0"] });
export type ImageName = z.output<typeof ImageName>;

/** A path inside the stack's own folder, relative, that cannot leave it. */
export const InnerPath = z
  .string({ error: "expected a path inside the stack's folder, such as ./api" })
  .max(200)
  .regex(/^(?:\.\/?|(?:\.\/)?[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)*\/?)$/, {
    error: "expected a path inside the stack's folder, such as ./api (no .., no spaces)",
  })
  .meta({ title: "path in the stack's folder", examples: ["./api"] })
  .transform((text) => text.replace(/^\.\//, "").replace(/\/$/, "") || ".");
export type InnerPath = z.output<typeof InnerPath>;

/** A command: a list of words run as they are, or one line split by Compose as a shell would split it. */
const CommandText = z
  .string()
  .min(1, { error: "expected a command" })
  .max(4096)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
  .regex(/^[^\u0000-\u001f\u007f]*$/, { error: "expected one line without control characters" });
export const Command = z
  .union([CommandText, z.array(CommandText).min(1).max(64)], {
    error: "expected a command: one line, or a list of words",
  })
  .meta({ title: "command", examples: ["node dist/worker.js"] });
export type Command = z.output<typeof Command>;
