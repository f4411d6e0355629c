import { describe, expect, it } from "vitest";
import { produce } from "../index.ts";
import { shortest, sourceOf } from "../testing/source.ts";
import { Backup } from "./backup/options.ts";
import { bucketOf, uriStyle } from "./backup/repository.ts";
import { dailyAfter, longestGap, verifySchedule } from "./backup/schedule.ts";

const HOUR = 3600;
const s3 = { endpoint: "fra1.digitaloceanspaces.com", region: "fra1", bucket: "hello-backups" };
const inBucket = `backup:\n  repository:\n    s3: ${JSON.stringify(s3)}\n`;

function produced(more = "", environment: "local" | "production" = "production") {
  const { plan, files } = produce(sourceOf(`${shortest}${more}`), environment);
  const text = (path: string) => files.find((file) => file.path === path)?.text ?? "";
  const volumes = (name: string) => plan.services[name]?.compose.volumes ?? [];
  return { plan, text, volumes };
}

describe("longestGap", () => {
  it.each([
    ["30 3 * * *", 24],
    ["0 */6 * * *", 6],
    ["0 1,13 * * *", 12],
    ["0 1,2 * * *", 23],
    ["*/30 * * * *", 0.5],
    ["0 3 * * 0", 7 * 24],
    ["0 3 * * 7", 7 * 24],
    ["0 3 * * 1-5", 3 * 24],
    ["0 3 1 * *", 31 * 24],
    ["0 3 1 1 *", 366 * 24],
  ])("%s leaves %d hours", (schedule, hours) => expect(longestGap(schedule)).toBe(hours * HOUR));
});

describe("verification", () => {
  it.each([
    ["30 3 * * *", "30 5 * * *"],
    ["0 23 * * 0", "0 1 * * *"],
    ["0 */6 * * *", "0 2 * * *"],
    ["15 22,4 * * *", "15 6 * * *"],
    ["*/30 * * * *", "0 2 * * *"],
  ])("after %s is due at %s", (schedule, due) => expect(dailyAfter(schedule, 2)).toBe(due));

  it("is due when a person says", () => {
    expect(verifySchedule({ schedule: "30 3 * * *", verify: "0 12 * * 6" })).toBe("0 12 * * 6");
    const { text } = produced("backup: { verify: 0 12 * * 6 }\n");
    expect(text("backup-postgres/crontab")).toMatch(/^0 12 \* \* 6 plimsoll-backup verify$/m);
    expect(text("prometheus/rules/thresholds.rules.yaml")).toMatch(
      new RegExp(`backup_verify_age_seconds\\n +expr: vector\\(${7 * 24 * HOUR + 2 * HOUR}\\)`),
    );
  });

  it("works with what is kept free for it, beside the sidecar's own", () => {
    const { plan, text, volumes } = produced();
    const memory = (name: string) => plan.budget.lines.find((line) => line.name === name)?.memory ?? 0;
    const { mem_limit, environment } = plan.services["backup-postgres"]?.compose ?? {};
    expect(mem_limit).toBe(`${(memory("backup-postgres") + memory("the daily restore test")) / 1024 ** 2}m`);
    expect(environment).toMatchObject({ PLIMSOLL_TRIAL_MEMORY: String(memory("the daily restore test")) });
    expect(volumes("backup-postgres")).toContainEqual({
      type: "volume",
      source: "restore-test",
      target: "/trial",
    });
    expect(JSON.parse(text("backup-postgres/checks.json"))).toEqual({
      database: "hello_db",
      owner: "app",
      checks: [],
      // For the report of the drill that a verification is.
      stack: "hello",
      environment: "production",
      objectives: { rto: 3600, rpo: 3600 },
    });
  });

  it("has drills that are due: of the replica where there is one, and as stack.yaml says", () => {
    const due = (more = "", environment: "local" | "production" = "production") =>
      Object.fromEntries(
        [
          ...produced(more, environment)
            .text("prometheus/rules/thresholds.rules.yaml")
            .matchAll(/drill_age_seconds\n\s+expr: vector\((\d+)\)\n\s+labels:\n\s+kind: (\w+)/g),
        ].map(([, seconds, kind]) => [kind, Number(seconds) / 86_400]),
      );
    expect(due()).toEqual({ restore: 31, failover: 91 });
    expect(due("", "local")).toEqual({ restore: 31 });
    expect(due("postgres: { replica: false }\n")).toEqual({ restore: 31 });
    expect(due("drills: { restore: false, failover: 7d, disaster: 180d }\n")).toEqual({
      failover: 8,
      disaster: 181,
    });
    expect(due("backup: false\n")).toEqual({});
    expect(() => produced("drills: { restore: 1h }\n")).toThrow(/expected .*1d/);
  });

  it("hands over what a person asks as it was written", () => {
    const sql = `select '$(id)' = "x'\\`;
    const { text } = produced(`backup: { checks: { courses: ${JSON.stringify(sql)} } }\n`);
    expect(JSON.parse(text("backup-postgres/checks.json")).checks).toEqual([{ name: "courses", sql }]);
  });

  it("has nobody to ask without PostgreSQL", () => {
    expect(() => produced("postgres: false\nbackup: { checks: { a: select true } }\n")).toThrow(
      /no PostgreSQL to ask/,
    );
    expect(produced("backup: false\n").plan.volumes).not.toContain("restore-test");
  });
});

describe("words", () => {
  it.each([
    { repository: "s3" },
    { repository: { s3: { ...s3, endpoint: "https://fra1.digitaloceanspaces.com" } } },
    { repository: { s3: { ...s3, endpoint: "a\nb" } } },
    { repository: { s3: { ...s3, bucket: "Hello" } } },
    { repository: { s3: { ...s3, path: "/a/../b" } } },
    { repository: { s3: { ...s3, path: "/a b" } } },
    { repository: { s3: { ...s3, key: "secret" } } },
    { keep: "1h" },
    { schedule: "@daily" },
    { schedule: "0 3 * * *\n* * * * * sh" },
    { verify: "0 3 * * *\n* * * * * sh" },
    { verify: "daily" },
    { checks: { courses: "\\! touch /tmp/x" } },
    { checks: { courses: " \\! touch /tmp/x" } },
    { checks: { courses: "delete from courses" } },
    { checks: { courses: "selected" } },
    { checks: { courses: "select 1\u0000" } },
    { checks: { courses: true } },
    { checks: { "a b": "select true" } },
    { checks: { "$(id)": "select true" } },
    { checks: { "../a": "select true" } },
  ])("refuse %j", (options) => expect(Backup.safeParse(options).success).toBe(false));
});

describe("repository", () => {
  const options = Backup.parse({ repository: { s3 } });

  it("is a bucket with a folder for each environment", () => {
    expect(bucketOf(options, "hello", "production")?.path).toBe("/hello-production");
    expect(bucketOf(options, "hello", "staging")?.path).toBe("/hello-staging");
  });

  it("is never production's bucket on a laptop", () => {
    expect(bucketOf(options, "hello", "local")).toBeUndefined();
    expect(produced(inBucket, "local").text("pgbackrest/pgbackrest.conf")).not.toContain("s3");
  });

  it("puts a bucket with a dot into the path", () => {
    expect(uriStyle({ ...s3, path: "/x" })).toBe("host");
    expect(uriStyle({ ...s3, bucket: "a.b", path: "/x" })).toBe("path");
  });

  it("has its keys in secrets alone, and is encrypted", () => {
    const { plan, text } = produced(inBucket);
    const conf = text("pgbackrest/pgbackrest.conf");
    expect(conf).toContain("repo1-cipher-type=aes-256-cbc");
    expect(conf).not.toMatch(/key|pass/);
    for (const node of ["postgres-1", "postgres-2", "backup-postgres"]) {
      const compose = plan.services[node]?.compose;
      expect(
        compose?.secrets?.map(({ source }) => source),
        node,
      ).toContain("backup_pgbackrest");
      expect(Object.keys(compose?.networks ?? {}), node).toContain("egress");
    }
  });

  it("needs no way out where it is a volume", () => {
    const { plan, volumes } = produced();
    expect(Object.keys(plan.services["postgres-1"]?.compose.networks ?? {})).toEqual(["data"]);
    expect(volumes("backup-postgres")).toContainEqual({
      type: "volume",
      source: "pgbackrest",
      target: "/var/lib/pgbackrest",
    });
  });
});

describe("sidecars", () => {
  it("read what they save, and cannot change it", () => {
    const { volumes } = produced();
    for (const [service, prefix] of [
      ["backup-postgres", "/nodes/"],
      ["backup-files", "/source/"],
    ] as const) {
      const sources = volumes(service).filter(({ target }) => target.startsWith(prefix));
      expect(sources.length).toBeGreaterThan(0);
      for (const source of sources) expect(source.read_only).toBe(true);
    }
  });

  it("save every volume that was offered", () => {
    const { plan, text } = produced();
    const offered = plan.offers.backups.flatMap((offer) =>
      "volume" in offer ? [`${offer.what} ${offer.volume}`] : [],
    );
    expect(text("backup-files/sources").trim().split("\n")).toEqual(offered);
  });

  it("follow the schedule and keep for as long as was said", () => {
    const { text } = produced("backup: { schedule: '5 2 * * 1', keep: 10d }\n");
    expect(text("backup-postgres/crontab")).toMatch(/^5 2 \* \* 1 plimsoll-backup backup$/m);
    expect(text("backup-files/crontab")).toMatch(/^5 2 \* \* 1 plimsoll-backup-files backup$/m);
    expect(text("pgbackrest/pgbackrest.conf")).toContain("repo1-retention-full=10\n");
    expect(text("compose.yaml")).toContain("PLIMSOLL_KEEP: 10d");
  });

  it("keep room for the daily restore test: one copy of the database", () => {
    const { plan } = produced();
    const line = (name: string) => plan.budget.lines.find((candidate) => candidate.name === name);
    const test = line("the daily restore test");
    expect(test?.reserve).toBeDefined();
    expect(test?.disk["restore-test"]).toBeGreaterThanOrEqual(
      0.99 * (line("postgres-1")?.disk["postgres-1"] ?? 0),
    );
  });

  it("need no PostgreSQL", () => {
    const { plan } = produced("postgres: false\n");
    expect(plan.services["backup-postgres"]).toBeUndefined();
    expect(plan.services["backup-files"]).toBeDefined();
  });
});
