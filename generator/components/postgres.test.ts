import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { produce } from "../index.ts";
import { buildOf } from "../plan/plan.ts";
import { GiB, MiB } from "../spec/words.ts";
import { bare, shortest, sourceOf } from "../testing/source.ts";
import { databaseName, Postgres } from "./postgres/options.ts";
import { kB, settingsOf } from "./postgres/settings.ts";

function produced(more = "", environment: "local" | "production" = "production") {
  const { plan, files } = produce(
    sourceOf(`${more.includes("backup:") ? bare : shortest}${more}`),
    environment,
    { images: "official" },
  );
  const text = (path: string) => files.find((file) => file.path === path)?.text ?? "";
  return { plan, text, paths: files.map((file) => file.path) };
}

describe("settings", () => {
  const base = fc.record({
    memory: fc.integer({ min: 256, max: 64 * 1024 }).map((mib) => mib * MiB),
    cpus: fc.double({ min: 0.5, max: 64, noNaN: true }),
    disk: fc.integer({ min: 1, max: 2000 }).map((gib) => gib * GiB),
    pools: fc.integer({ min: 0, max: 2000 }),
    rpo: fc.integer({ min: 1, max: 7 * 86_400 }),
    latency: fc.double({ min: 0.001, max: 10, noNaN: true }),
  });

  it("stay within what was granted, on any machine", () => {
    fc.assert(
      fc.property(base, (given) => {
        const settings = settingsOf(given);
        expect(settings.sharedBuffers + settings.maintenanceWorkMem).toBeLessThan(given.memory / 2);
        expect(settings.effectiveCacheSize).toBeLessThanOrEqual(given.memory);
        expect(settings.workMem).toBeGreaterThanOrEqual(1 * MiB);
        expect(settings.maxConnections).toBeGreaterThan(given.pools);
        expect(settings.maxWalSize + settings.slotWal).toBeLessThan(given.disk / 2);
        expect(settings.minWalSize).toBeLessThanOrEqual(settings.maxWalSize);
        expect(settings.archiveTimeout).toBeGreaterThanOrEqual(10);
        expect(settings.archiveTimeout).toBeLessThanOrEqual(300);
        expect(settings.shm).toBeLessThanOrEqual(Math.max(64 * MiB, given.memory / 4));
      }),
    );
  });

  it("writes whole units", () => {
    expect(kB(128 * MiB)).toBe("128MB");
    expect(kB(128 * MiB + 1024)).toBe("131073kB");
  });

  it("archives within a twelfth of the RPO", () => {
    const { text } = produced("objectives: { rpo: 10m }\n");
    expect(text("postgres-1/postgresql.conf")).toContain("archive_timeout = 50\n");
  });
});

describe("words", () => {
  it("derive the database's name from the stack's", () => {
    expect(databaseName({}, "my-shop")).toBe("my_shop_db");
    expect(databaseName({ database: "shop" }, "my-shop")).toBe("shop");
  });

  it.each(["postgres", "template1", "replication", "all", "Shop", "shop-db", 'a"b', "a b", "1st", ""])(
    "refuse %j as a database",
    (database) => expect(Postgres.safeParse({ database }).success).toBe(false),
  );

  it("refuse 17 where Debian has none", () => {
    const source = sourceOf(`${shortest}postgres: { version: 17 }\n`);
    expect(() => produce(source, "production", { images: "debian" })).toThrow(/forky has PostgreSQL 18/);
    const { text } = produced("postgres: { version: 17 }\n");
    expect(text("images/postgres/Dockerfile")).toContain("FROM postgres:17.11-trixie");
    expect(text("compose.yaml")).toContain("PGDATA: /var/lib/postgresql/17/docker");
  });
});

describe("the image", () => {
  // Source: VOLUME in 18/trixie/Dockerfile and 17/trixie/Dockerfile of docker-library/postgres.
  it.each([
    [18, "/var/lib/postgresql"],
    [17, "/var/lib/postgresql/data"],
  ])("of %d leaves no container an anonymous volume: each mounts or covers %s", (version, declared) => {
    const { plan } = produced(`postgres: { version: ${version} }\n`);
    const services = Object.entries(plan.services).filter(
      ([, { image }]) => buildOf(image, "official")?.name === "postgres",
    );
    expect(services.map(([name]) => name).sort()).toEqual([
      "backup-postgres",
      "postgres-1",
      "postgres-2",
      "postgres-probe",
    ]);
    for (const [name, { compose }] of services) {
      const mounted = [
        ...(compose.volumes ?? []).map(({ target }) => target),
        ...(compose.tmpfs ?? []).map((mount) => mount.split(":")[0]),
      ];
      expect(mounted, name).toContain(declared);
    }
  });
});

describe("nodes", () => {
  it("differ by nothing but names: the role is in the data", () => {
    const { text } = produced();
    const first = text("postgres-1/postgresql.conf");
    const swapped = first.replaceAll(
      /postgres([-_])([12])/g,
      (_, join, n) => `postgres${join}${n === "1" ? 2 : 1}`,
    );
    expect(text("postgres-2/postgresql.conf")).toBe(swapped);
    expect(text("postgres-2/pg_hba.conf")).toBe(text("postgres-1/pg_hba.conf"));
  });

  it("are one where no replica is wanted", () => {
    const { plan, text, paths } = produced("postgres: { replica: false, synchronous: true }\n");
    expect(Object.keys(plan.services).filter((name) => name.startsWith("postgres-"))).not.toContain(
      "postgres-2",
    );
    expect(paths.some((path) => path.startsWith("postgres-2/"))).toBe(false);
    expect(text("postgres-1/postgresql.conf")).not.toMatch(/primary_conninfo|synchronous_standby_names/);
    expect(text("postgres-proxy/haproxy.cfg")).toMatch(
      /backend readers-postgres-1\n.*\n {2}server postgres-1 .*postgres-1\n/,
    );
  });

  it("wait for each other only where that was asked for", () => {
    expect(produced().text("postgres-1/postgresql.conf")).not.toContain("synchronous_standby_names");
    expect(produced("postgres: { synchronous: true }\n").text("postgres-1/postgresql.conf")).toContain(
      `synchronous_standby_names = 'ANY 1 ("postgres-1", "postgres-2")'`,
    );
  });

  it("archive nothing where nothing is backed up", () => {
    const { text, plan } = produced("backup: false\n");
    expect(text("postgres-1/postgresql.conf")).not.toMatch(/archive_|restore_command/);
    expect(JSON.stringify(plan.services["postgres-1"]?.compose.volumes)).not.toContain("pgbackrest");
  });

  it("have their passwords only in secrets", () => {
    const { plan } = produced();
    const secrets = plan.secrets.filter(({ component }) => component === "postgres").map(({ name }) => name);
    expect(secrets).toContain("postgres_app_password");
    const url = plan.offers.provides.DATABASE_URL;
    expect(url).toEqual([
      "postgresql://app:",
      { secret: "postgres_app_password", as: "url" },
      "@postgres:5432/hello_db",
    ]);
  });

  it("trust nobody but themselves", () => {
    const lines = produced()
      .text("postgres-1/pg_hba.conf")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    for (const line of lines)
      expect(line).toMatch(/scram-sha-256$|^host +all +postgres +127\.0\.0\.1\/32 +trust$/);
    expect(lines.some((line) => line.includes("0.0.0.0/0"))).toBe(false);
  });
});
