import { describe, expect, it } from "vitest";
import { produce } from "../index.ts";
import type { Plan } from "../plan/plan.ts";
import type { Rendered } from "../render/files.ts";
import { MiB } from "../spec/words.ts";
import { shortest, sourceOf } from "../testing/source.ts";
import { aclFile } from "./redis/acl.ts";
import { cacheMaxmemory, sessionsMaxmemory } from "./redis/conf.ts";

function made(more = "", environment: "local" | "production" = "production") {
  return produce(sourceOf(shortest + more), environment);
}
const textOf = (files: readonly Rendered[], path: string) =>
  files.find((file) => file.path === path)?.text ?? "";
const secretOf = (plan: Plan, name: string) => plan.secrets.find((secret) => secret.name === name);

describe("sizes", () => {
  it("leave room for a fork, and for the file being rewritten", () => {
    expect(sessionsMaxmemory(1000 * MiB, 100_000 * MiB)).toBe(600 * MiB);
    expect(sessionsMaxmemory(1000 * MiB, 1000 * MiB)).toBe(250 * MiB);
    expect(cacheMaxmemory(1000 * MiB)).toBe(750 * MiB);
  });

  it("follow the grant, whatever the machine", () => {
    const { plan, files } = made(
      "redis: { sessions: { memory: 128MB }, cache: { memory: 64MB, policy: allkeys-lfu } }\n",
    );
    const limit = Number.parseInt(plan.services["redis-sessions"]?.compose.mem_limit ?? "", 10);
    expect(limit).toBeLessThanOrEqual(128);
    expect(textOf(files, "redis-sessions/redis.conf")).toContain(`maxmemory ${Math.floor(limit * 0.6)}mb\n`);
    expect(textOf(files, "redis-cache/redis.conf")).toContain(
      "maxmemory 48mb\nmaxmemory-policy allkeys-lfu\n",
    );
  });
});

describe("redis.conf", () => {
  const { files } = made();

  it("keeps sessions, and nothing of the cache", () => {
    expect(textOf(files, "redis-sessions/redis.conf")).toMatch(
      /noeviction[\s\S]*appendonly yes\nappendfsync everysec\n/,
    );
    expect(textOf(files, "redis-cache/redis.conf")).toMatch(/allkeys-lru[\s\S]*save ""\nappendonly no\n/);
  });

  it("restarts the instance whose file changed, and no other", () => {
    expect(made().plan.files.find(({ path }) => path === "redis-cache/redis.conf")?.restarts).toEqual([
      "redis-cache",
    ]);
  });
});

describe("users", () => {
  const acl = aclFile({ application: "redis_sessions_app_password", allow: ["client|list"] });
  const text = [acl].flat().map((part) => (typeof part === "string" ? part : `<${part.secret} ${part.as}>`));

  it("hold hashes, and the default user is off but may replay the append-only file", () => {
    expect(text.join("").split("\n")).toEqual([
      "user default reset off resetpass ~* &* +@all",
      "user app reset on #<redis_sessions_app_password sha256> ~* &* +@all -@admin -@dangerous +info +client|list",
      expect.stringMatching(
        /^user monitoring reset on #<redis_monitoring_password sha256> resetkeys .* -@all \+ping/,
      ),
      "user operator reset on #<redis_operator_password sha256> ~* &* +@all",
      "user health reset on nopass resetkeys resetchannels -@all +ping",
      "",
    ]);
  });

  it("are told to the application as URLs with an encoded password", () => {
    const { plan } = made();
    const url = [
      "redis://app:",
      { secret: "redis_sessions_app_password", as: "url" },
      "@redis-sessions:6379/0",
    ];
    expect(plan.offers.provides).toMatchObject({ REDIS_URL: url, SESSIONS_REDIS_URL: url });
    expect(plan.offers.provides.CACHE_REDIS_URL).toContain("@redis-cache:6379/0");
  });

  it("refuse what is no command: nothing a user writes reaches the file as a rule", () => {
    for (const bad of ["+@all", "keys ~*", "get\\nuser evil on nopass", "CONFIG", "{{x}}", ">pw", ""]) {
      expect(() => made(`redis: { sessions: { allow: ["${bad}"] } }\n`), bad).toThrow();
    }
    expect(() => made("redis: { sessions: { allow: [keys, config|get] } }\n")).not.toThrow();
  });
});

describe("the exporter", () => {
  it("finds each password by the address it is asked for", () => {
    const { plan } = made();
    const { text } = secretOf(plan, "redis_exporter_passwords") as { text: readonly (string | object)[] };
    const json = JSON.parse(text.map((part) => (typeof part === "string" ? part : "secret")).join(""));
    expect(Object.keys(json)).toEqual([
      "redis://monitoring@redis-sessions:6379",
      "redis://monitoring@redis-cache:6379",
    ]);
  });

  it("leaves with Prometheus", () => {
    const { plan } = made("monitoring: false\n");
    expect(Object.keys(plan.services)).not.toContain("redis-exporter");
    expect(plan.secrets.map(({ name }) => name)).not.toContain("redis_exporter_passwords");
    expect(plan.offers.provides.REDIS_URL).toBeDefined();
  });
});

it("redis: false leaves all of it out", () => {
  const { plan } = made("redis: false\n");
  expect(Object.keys(plan.services).filter((name) => name.startsWith("redis"))).toEqual([]);
  expect(plan.offers.provides.REDIS_URL).toBeUndefined();
});
