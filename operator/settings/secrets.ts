/** Secrets of a stack: which there are, who reads them, which may be set or made anew by command. Never a value. Pure. */
import { randomBytes, randomInt } from "node:crypto";
import type { Plan, PlannedSecret } from "../../generator/plan/plan.ts";
import type { Spec } from "../../generator/spec/load.ts";
import { unknown } from "../operate/names.ts";
import { Problem } from "../problem.ts";

export type SecretRow = {
  /** Of its file. */
  name: string;
  /** As the application knows it: SENTRY_DSN. */
  variable?: string;
  component: string;
  kind: "random" | "supplied" | "derived";
  readers: string[];
};

/** All that are not merely made of others, with the services that see them, be it through another. */
export function secretRows(plan: Plan, spec: Pick<Spec, "options">): SecretRow[] {
  return plan.secrets
    .filter((secret) => !("text" in secret))
    .map((secret) => ({
      name: secret.name,
      ...(variableOf(spec, secret.name) && { variable: variableOf(spec, secret.name) }),
      component: secret.component,
      kind: "random" in secret ? "random" : "supplied",
      readers: readersOf(plan, secret.name),
    }));
}

function variableOf(spec: Pick<Spec, "options">, name: string): string | undefined {
  const { secrets } = spec.options.get("api") as { secrets: Record<string, string> };
  return Object.keys(secrets).find((variable) => `api_${variable.toLowerCase()}` === name);
}

function readersOf(plan: Plan, name: string): string[] {
  const handed = new Set([name]);
  for (const secret of plan.secrets) {
    if (!("text" in secret) || typeof secret.text === "string") continue;
    if (secret.text.some((part) => typeof part !== "string" && handed.has(part.secret)))
      handed.add(secret.name);
  }
  return Object.entries(plan.services)
    .filter(([, { compose }]) => {
      const files = (compose.env_file ?? []).map((file) => (typeof file === "string" ? file : file.path));
      const mounted = (compose.secrets ?? []).map(({ source }) => source);
      return [...mounted, ...files.map((path) => path.split("/").at(-1) as string)].some((one) =>
        handed.has(one),
      );
    })
    .map(([service]) => service);
}

/** By the application's name or the file's. @throws Problem (2) */
export function findSecret(rows: readonly SecretRow[], word: string): SecretRow {
  const found = rows.find(({ name, variable }) => word === variable || word === name);
  if (!found)
    throw unknown(
      "secret",
      word,
      rows.flatMap(({ name, variable }) => variable ?? name),
    );
  return found;
}

/** @throws Problem (2) where a new value alone would break what uses it */
export function requireChangeable(row: SecretRow, doing: "set" | "rotate", environment: string): void {
  // What a person supplies is a key to somebody else's door: nothing here keeps a copy of it.
  if (row.variable === undefined && row.kind !== "supplied") {
    throw new Problem(
      `${row.name} cannot be ${doing === "set" ? "set" : "rotated"} by command: ${why(row)}`,
      undefined,
      2,
    );
  }
  if (doing === "rotate" && row.kind === "supplied") {
    throw new Problem(
      `${row.variable ?? row.name} is supplied by a person: nobody here can make a new one`,
      `Make a new one where it comes from, then: plimsoll secrets ${environment} set ${row.variable ?? row.name}`,
      2,
    );
  }
}

function why({ name, component }: SecretRow): string {
  if (component === "postgres")
    return "the database holds it too, and both would have to change in the same moment or connections fail; write the file on the host, then restart the nodes and the application, in a maintenance";
  if (component === "redis")
    return "Redis reads it at its start only, and every client would have to change in the same moment; write the file on the host, then restart Redis and the application, in a maintenance";
  if (component === "backup" || /restic|cipher|repo/.test(name))
    return "backups are encrypted with it: with another one the old ones could not be read any more";
  if (component === "grafana")
    return "Grafana keeps its own copy since its first start: change it in Grafana";
  if (component === "elk") return "Elasticsearch keeps its own copy: change it there, then write the file";
  return `${component} uses it in a way that a new value alone would break`;
}

const ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** A new value as the plan wants it. */
export function newValue(secret: PlannedSecret): string {
  if (!("random" in secret)) throw new Error(`${secret.name} is not random`);
  if (secret.alphabet === "hex") return randomBytes(secret.random).toString("hex").slice(0, secret.random);
  return Array.from({ length: secret.random }, () => ALPHANUMERIC[randomInt(ALPHANUMERIC.length)]).join("");
}

const MOST = 64 * 1024;

/** @throws Problem (2), without the value */
export function checkValue(plan: Plan, row: SecretRow, value: string): void {
  const name = row.variable ?? row.name;
  if (value === "") throw new Problem(`the value of ${name} is empty`, undefined, 2);
  if (Buffer.byteLength(value) > MOST)
    throw new Problem(`the value of ${name} has more than 64 KB`, undefined, 2);
  if (value.includes("\0") || value.includes("\ufffd"))
    throw new Problem(`the value of ${name} is not a text`, undefined, 2);
  const asLine = plan.secrets.some(
    (secret) =>
      "text" in secret &&
      typeof secret.text !== "string" &&
      secret.text.some((part) => typeof part !== "string" && part.secret === row.name && part.oneLine),
  );
  // An editor ends a file with a newline that is no part of a password.
  if (asLine && /[\r\n]/.test(value.replace(/\r?\n$/, ""))) {
    throw new Problem(
      `the value of ${name} has more than one line, and an env file has no way to write that`,
      "With `secrets_as: files` in api of stack.yaml it is handed over as it is.",
      2,
    );
  }
}
