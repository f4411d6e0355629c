import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Env, ServiceEnv } from "./env.ts";
import { EnvError, readEnv } from "./read-env.ts";

const good = {
  DATABASE_URL: "postgresql://app:hidden@db-primary:5432/fkod_db",
  REDIS_URL: "redis://app:hidden@redis:6379",
  JWT_SECRET: "x".repeat(32),
};

function faultsOf(source: NodeJS.ProcessEnv): string[] {
  try {
    readEnv(Env, source);
  } catch (error) {
    if (error instanceof EnvError) return error.faults;
    throw error;
  }
  return [];
}

function fileWith(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), "fkod-")), "value");
  writeFileSync(path, text);
  return path;
}

describe("the environment", () => {
  test("has defaults and falls back to the primary and to REDIS_URL", () => {
    const env = readEnv(Env, good);
    expect(env).toMatchObject({
      PORT: 5000,
      METRICS_PORT: 6000,
      JWT_EXPIRY: "7d",
      DB_POOL_MIN: 5,
      DB_POOL_MAX: 20,
    });
    expect(env.DATABASE_READ_URL).toBe(good.DATABASE_URL);
    expect(env.SESSIONS_REDIS_URL).toBe(good.REDIS_URL);
    expect(env.CACHE_REDIS_URL).toBe(good.REDIS_URL);
    expect(readEnv(Env, { ...good, PORT: "5002" }).METRICS_PORT).toBe(6002);
  });

  test("counts an empty variable as missing", () => {
    expect(readEnv(Env, { ...good, SENDGRID_API_KEY: "", SENTRY_DSN: "" }).SENTRY_DSN).toBeUndefined();
    expect(faultsOf({ ...good, JWT_SECRET: "" })).toHaveLength(1);
  });

  test("tells all faults at once, and never a value", () => {
    const faults = faultsOf({
      DATABASE_URL: "mysql://app:hidden@db/x",
      JWT_SECRET: "hidden",
      PORT: "http",
      NODE_ENV: "prod",
      DB_POOL_MIN: "30",
      DB_POOL_MAX: "10",
      JWT_EXPIRY: "a week",
      READY_REQUIRES: "primary,moon",
    });
    const names = faults.map((fault) => fault.split(":")[0]).sort();
    expect(names).toEqual([
      ...["CACHE_REDIS_URL", "DATABASE_URL", "DB_POOL_MIN", "JWT_EXPIRY", "JWT_SECRET", "NODE_ENV", "PORT"],
      ...["READY_REQUIRES", "SESSIONS_REDIS_URL"],
    ]);
    expect(faults.join("\n")).not.toContain("hidden");
  });

  test("reads NAME_FILE and trims one newline", () => {
    const { JWT_SECRET: _, ...rest } = good;
    const env = readEnv(Env, { ...rest, JWT_SECRET_FILE: fileWith(`${"y".repeat(40)}\n`) });
    expect(env.JWT_SECRET).toBe("y".repeat(40));
  });

  test("tells a file that is not there, once", () => {
    const { JWT_SECRET: _, ...rest } = good;
    expect(faultsOf({ ...rest, JWT_SECRET_FILE: "/nowhere/secret" })).toEqual([
      "JWT_SECRET_FILE: /nowhere/secret cannot be read (ENOENT)",
    ]);
  });

  test("refuses a value given twice", () => {
    expect(faultsOf({ ...good, JWT_SECRET_FILE: fileWith("z".repeat(40)) })).toEqual([
      "JWT_SECRET_FILE: is set beside JWT_SECRET; set one of the two",
    ]);
  });

  test("asks no JWT secret of the worker", () => {
    const { JWT_SECRET: _, ...rest } = good;
    expect(readEnv(ServiceEnv, rest)).not.toHaveProperty("JWT_SECRET");
  });
});
