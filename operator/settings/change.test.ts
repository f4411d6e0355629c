import { resolve } from "node:path";
import { expect, it } from "vitest";
import { components } from "../../generator/components/index.ts";
import { produce } from "../../generator/index.ts";
import { loadSpec } from "../../generator/spec/load.ts";
import { readStackFolder } from "../../generator/stack.ts";
import { fakeHost } from "../host/fake.ts";
import { readChoices } from "./choices.ts";
import { configRow, configRows, parseSettings, setConfig, unsetConfig } from "./config.ts";
import { parseScale, scaleChange, scaleOf } from "./scale.ts";
import { checkValue, findSecret, newValue, requireChangeable, secretRows } from "./secrets.ts";

const source = await readStackFolder(resolve("stacks/fkod"));
const spec = loadSpec(source.yaml, "production", components);
const { plan } = produce(source, "production");
const known = Object.keys(scaleOf(spec));

it("scales known names within bounds, and keeps what was said before", () => {
  expect(known).toEqual(["api", "worker", "clock"]);
  expect(parseScale(["api=5", "worker=0"], known)).toEqual({ api: 5, worker: 0 });
  const said = { config: { LOG_LEVEL: "debug" }, scale: { clock: 2 } };
  expect(scaleChange(source, spec, said, { api: 4 })).toEqual({
    kind: "scale",
    choices: { config: { LOG_LEVEL: "debug" }, scale: { clock: 2, api: 4 } },
    what: ["api 3 -> 4"],
  });
  expect(scaleChange(source, spec, said, { clock: 2 })).toBeUndefined();
  for (const [word, fault] of Object.entries({
    api: /does not say how many/,
    "api=": /whole number/,
    "api=0": /from 1 to 300/,
    "api=301": /from 1/,
    "worker=51": /from 0 to 50/,
    "api=1e2": /whole number/,
    "api=-1": /whole number/,
    "api=5;id": /whole number/,
    "wroker=2": /did you mean worker\?/,
    "=3": /does not say/,
  })) {
    expect(() => parseScale([word], known), word).toThrow(fault);
  }
  expect(() => parseScale(["api=4", "api=5"], known)).toThrow(/said twice/);
  expect(() => scaleChange(source, spec, {}, { api: 250 })).toThrow(
    /does not fit in production: \d+ MB of memory short/,
  );
});

it("sets and unsets what is plain, knows where it comes from, and says no value", () => {
  expect(configRow(configRows(source, spec, {}), "LOG_LEVEL")).toEqual({
    name: "LOG_LEVEL",
    value: "info",
    from: "stack.yaml",
  });
  const set = setConfig(source, spec, {}, parseSettings(["LOG_LEVEL=debug", "EMPTY=", "EQUAL=a=b"]));
  expect(set).toEqual({
    kind: "config",
    choices: { config: { LOG_LEVEL: "debug", EMPTY: "", EQUAL: "a=b" } },
    what: ["LOG_LEVEL set", "EMPTY set", "EQUAL set"],
  });
  const said = set?.choices ?? {};
  expect(configRow(configRows(source, spec, said), "LOG_LEVEL")).toMatchObject({
    value: "debug",
    from: "command",
  });
  expect(setConfig(source, spec, said, { EQUAL: "a=b" })).toBeUndefined();
  // What stack.yaml says is taken away by name; what was said by command is forgotten.
  expect(unsetConfig(source, spec, said, ["LOG_LEVEL", "EQUAL"]).choices.config).toEqual({
    LOG_LEVEL: null,
    EMPTY: "",
  });
  expect(() => unsetConfig(source, spec, {}, ["LOGLEVEL"])).toThrow(/did you mean LOG_LEVEL\?/);
});

it("refuses names and values that no environment takes, without repeating a value", () => {
  for (const word of ["log_level=x", "1A=x", "A-B=x", "=x", "A", "A B=x", "$(id)=x"])
    expect(() => parseSettings([word]), word).toThrow();
  for (const value of ["two\nlines", "bell\u0007", "x".repeat(9000)]) {
    expect(() => parseSettings([`TOKEN=${value}`])).toThrow(/^the value of TOKEN: expected/);
  }
  expect(() => parseSettings(["A=1", "A=2"])).toThrow(/set twice/);
  expect(() => setConfig(source, spec, {}, { JWT_SECRET: "x" })).toThrow(/is a secret/);
  expect(() => setConfig(source, spec, {}, { PORT: "1" })).toThrow(/is set by plimsoll/);
});

it("reads what was set from the current release, through one script", async () => {
  const place = (stdout: string) => ({
    host: fakeHost(() => ({ stdout })),
    state: "/s",
    environment: "production",
  });
  expect(await readChoices(place(""))).toEqual({});
  expect(await readChoices(place("scale:\n  api: 5\nconfig:\n  A: null\nimage: x:1"))).toEqual({
    scale: { api: 5 },
    config: { A: null },
    image: "x:1",
  });
  await expect(readChoices(place("scale: many"))).rejects.toThrow(/cannot be read/);
});

it("knows each secret's readers, be it through another, and shows what is derived of none", () => {
  const rows = secretRows(plan, spec);
  expect(findSecret(rows, "JWT_SECRET")).toMatchObject({ name: "api_jwt_secret", kind: "random" });
  expect(findSecret(rows, "api_jwt_secret").readers).toContain("api-1");
  expect(findSecret(rows, "postgres_app_password").readers).toEqual(
    expect.arrayContaining(["postgres-1", "api-1", "worker-1"]),
  );
  expect(findSecret(rows, "grafana_admin_password").readers).toEqual(["grafana"]);
  expect(rows.some(({ name }) => name === "DATABASE_URL")).toBe(false);
  expect(() => findSecret(rows, "SENTRY_DNS")).toThrow(/did you mean SENTRY_DSN\?/);
});

it("changes the application's own secrets and those that a person supplies, and says why not the others", () => {
  const rows = secretRows(plan, spec);
  const refusal = (name: string, doing: "set" | "rotate") => () =>
    requireChangeable(findSecret(rows, name), doing, "production");
  expect(refusal("JWT_SECRET", "rotate")).not.toThrow();
  expect(refusal("SENTRY_DSN", "set")).not.toThrow();
  expect(refusal("SENTRY_DSN", "rotate")).toThrow(/supplied by a person/);
  for (const { name, variable, kind } of rows)
    if (!variable && kind === "random")
      expect(refusal(name, "set"), name).toThrow(/cannot be set by command: .{20}/);
  const key = { name: "backup_s3_key", component: "backup", kind: "supplied", readers: [] } as const;
  expect(() => requireChangeable({ ...key, readers: [] }, "set", "production")).not.toThrow();
  expect(() => requireChangeable({ ...key, readers: [] }, "rotate", "production")).toThrow(
    /supplied by a person/,
  );
  expect(refusal("postgres_app_password", "rotate")).toThrow(/the database holds it too/);
  expect(refusal("backup_restic_password", "rotate")).toThrow(/old ones could not be read/);
});

it("makes a new value of the old kind, and judges values without repeating them", () => {
  const secret = plan.secrets.find(({ name }) => name === "api_jwt_secret") as (typeof plan.secrets)[number];
  expect(newValue(secret)).toMatch(/^[A-Za-z0-9]{48}$/);
  expect(newValue(secret)).not.toBe(newValue(secret));
  const row = findSecret(secretRows(plan, spec), "SENTRY_DSN");
  for (const value of ["", "a\0b", "x".repeat(70_000)]) {
    expect(() => checkValue(plan, row, value)).toThrow(/^the value of SENTRY_DSN/);
  }
  // fkod takes its secrets as files: any number of lines.
  expect(() => checkValue(plan, row, "a\nb\n")).not.toThrow();
  const asLines = {
    ...plan,
    secrets: [
      ...plan.secrets,
      { name: "api.env", component: "api", text: ["X=", { secret: row.name, oneLine: true as const }] },
    ],
  };
  expect(() => checkValue(asLines, row, "secret-a\nsecret-b\n")).toThrow(/more than one line/);
  expect(() => checkValue(asLines, row, "a\n")).not.toThrow();
});
