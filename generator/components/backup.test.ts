import { describe, expect, it } from "vitest";
import { produce } from "../index.ts";
import { bare, shortest, sourceOf } from "../testing/source.ts";
import { Backup } from "./backup/options.ts";
import { REFERENCE_RECIPIENT } from "./backup/recipient.ts";
import { placesOf, uriStyle } from "./backup/repository.ts";
import { dailyAfter, longestGap, verifySchedule } from "./backup/schedule.ts";

const HOUR = 3600;
const s3 = { endpoint: "fra1.digitaloceanspaces.com", region: "fra1", bucket: "hello-backups" };
const words = (backup: object) => `backup: ${JSON.stringify({ lost_with_machine: "accepted", ...backup })}\n`;
const inBucket = words({ repository: { s3 }, recipient: REFERENCE_RECIPIENT });
const inBoth = words({ repository: { s3, local: true }, recipient: REFERENCE_RECIPIENT });

function produced(more = "", environment: "local" | "production" = "production") {
  const stack = more.includes("backup:") ? bare : shortest;
  const { plan, files } = produce(sourceOf(`${stack}${more}`), environment);
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
    const { text } = produced(words({ verify: "0 12 * * 6" }));
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
    const { text } = produced(words({ checks: { courses: sql } }));
    expect(JSON.parse(text("backup-postgres/checks.json")).checks).toEqual([{ name: "courses", sql }]);
  });

  it("has nobody to ask without PostgreSQL", () => {
    expect(() => produced(`postgres: false\n${words({ checks: { a: "select true" } })}`)).toThrow(
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
  const places = (repository: object | string, environment: "staging" | "production") =>
    placesOf(Backup.parse({ repository }), "hello", environment);

  it("is a bucket with a folder for each environment", () => {
    expect(places({ s3 }, "production")).toEqual([
      { number: 1, kind: "s3", bucket: { ...s3, path: "/hello-production" } },
    ]);
    expect(places({ s3 }, "staging")).toMatchObject([{ bucket: { path: "/hello-staging" } }]);
  });

  it("is never production's bucket on a laptop, unless it is named for it", () => {
    expect(produced(inBucket, "local").text("pgbackrest/pgbackrest.conf")).not.toContain("s3");
    const own = `environments: { local: { backup: { repository: ${JSON.stringify({ s3: { ...s3, bucket: "own" } })} } } }\n`;
    const text = produced(inBoth + own, "local").text("pgbackrest/pgbackrest.conf");
    expect(text).toContain("repo1-s3-bucket=own\nrepo1-s3-uri-style=host\n");
    expect(text).toContain("repo1-path=/hello-local/postgres\n");
    expect(text).not.toContain("repo2");
  });

  it("puts the bucket into the path where no name can stand before the endpoint's", () => {
    expect(uriStyle(s3)).toBe("host");
    expect(uriStyle({ ...s3, bucket: "a.b" })).toBe("path");
    expect(uriStyle({ ...s3, endpoint: "10.0.0.7" })).toBe("path");
    expect(uriStyle({ ...s3, endpoint: "s3.example.com:9000" })).toBe("path");
  });

  it("is both: the volume first, and only the bucket encrypted by pgBackRest", () => {
    const { plan, text, volumes } = produced(inBoth);
    const conf = text("pgbackrest/pgbackrest.conf");
    expect(conf).toContain("repo1-path=/var/lib/pgbackrest\n");
    expect(conf).toContain("repo2-type=s3\nrepo2-path=/hello-production/postgres\n");
    expect(conf).toContain("repo2-cipher-type=aes-256-cbc\n");
    expect(conf).not.toContain("repo1-cipher");
    for (const number of [1, 2]) expect(conf).toContain(`repo${number}-retention-full=30\n`);
    const secret = plan.secrets.find(({ name }) => name === "backup_pgbackrest");
    expect(JSON.stringify(secret)).toMatch(/repo2-s3-key=.*repo2-s3-key-secret=.*repo2-cipher-pass=/);
    expect(JSON.stringify(secret)).not.toContain("repo1");
    for (const node of ["postgres-1", "postgres-2", "backup-postgres"]) {
      expect(Object.keys(plan.services[node]?.compose.networks ?? {}), node).toContain("egress");
      expect(
        volumes(node).map(({ source }) => source),
        node,
      ).toContain("pgbackrest");
    }
    expect(plan.services["backup-postgres"]?.compose.environment).toMatchObject({
      PLIMSOLL_REPOSITORIES: "1:local 2:s3",
    });
    expect(plan.services["backup-files"]?.compose.environment).toMatchObject({
      RESTIC_REPOSITORY: "s3:https://fra1.digitaloceanspaces.com/hello-backups/hello-production/files",
      PLIMSOLL_SECOND_REPOSITORY: "/repository",
    });
    expect(plan.volumes).toEqual(expect.arrayContaining(["pgbackrest", "restic"]));
  });

  it("brings the certificates of a private authority to both sidecars and the nodes", () => {
    const pem = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";
    const stack = `${bare}${words({ repository: { s3: { ...s3, ca: "tls/ca.pem" } }, recipient: REFERENCE_RECIPIENT })}`;
    const source = sourceOf(stack);
    const made = (text: string) =>
      produce({ ...source, yaml: { ...source.yaml, beside: { "tls/ca.pem": text } } }, "production");
    const { plan, files } = made(pem);
    for (const path of ["pgbackrest/ca.pem", "backup-files/ca.pem"])
      expect(files.find((file) => file.path === path)?.text).toBe(pem);
    expect(files.find(({ path }) => path === "pgbackrest/pgbackrest.conf")?.text).toContain(
      "repo1-storage-ca-file=/etc/pgbackrest/ca.pem\n",
    );
    expect(plan.services["backup-files"]?.compose.environment).toMatchObject({
      RESTIC_CACERT: "/etc/plimsoll-backup/ca.pem",
    });
    expect(() => produce(source, "production")).toThrow(/there is no tls\/ca.pem beside stack.yaml/);
    expect(() => made("no")).toThrow(/holds no certificate/);
    expect(() => made(`${pem}-----BEGIN EC PRIVATE KEY-----`)).toThrow(/holds a private key/);
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

describe("production", () => {
  const made = (backup: object | undefined, environment: "local" | "staging" | "production" = "production") =>
    produce(sourceOf(bare + (backup ? `backup: ${JSON.stringify(backup)}\n` : "")), environment);

  it("is refused with its backups on its own machine alone, with what to write", () => {
    for (const backup of [undefined, {}, { repository: "local", recipient: REFERENCE_RECIPIENT }]) {
      expect(() => made(backup)).toThrow(/would be lost together with its machine/);
      expect(() => made(backup)).toThrow(/bucket: hello-backups[\s\S]*lost_with_machine: accepted/);
      expect(() => made(backup, "staging")).not.toThrow();
      expect(() => made(backup, "local")).not.toThrow();
    }
    expect(() => made({ lost_with_machine: "accepted" })).not.toThrow();
    expect(() => made({ lost_with_machine: "yes" })).toThrow(/expected accepted/);
  });

  it("is refused with a repository that nobody can open once the host is gone", () => {
    expect(() => made({ repository: { s3 } })).toThrow(/nobody can open once the host is gone/);
    expect(() => made({ repository: { s3 } }, "staging")).not.toThrow();
    const { files } = made({ repository: { s3 }, recipient: [REFERENCE_RECIPIENT, REFERENCE_RECIPIENT] });
    expect(files.find(({ path }) => path === "backup-files/recipients")?.text).toBe(
      `${REFERENCE_RECIPIENT}\n${REFERENCE_RECIPIENT}\n`,
    );
  });

  it("notices a recipient that was mistyped, cut off or is none", () => {
    const letters = [...REFERENCE_RECIPIENT];
    const swapped = [...letters.slice(0, 20), letters[21], letters[20], ...letters.slice(22)].join("");
    for (const recipient of [
      swapped,
      REFERENCE_RECIPIENT.slice(0, -1),
      REFERENCE_RECIPIENT.toUpperCase(),
      `${REFERENCE_RECIPIENT}\n`,
      "AGE-SECRET-KEY-1QQQ",
      "ssh-ed25519 AAAA",
      [],
    ])
      expect(Backup.safeParse({ recipient }).success, String(recipient)).toBe(false);
    // One of age's own documentation.
    const known = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    expect(Backup.safeParse({ recipient: known }).success).toBe(true);
  });
});

describe("objectives.rpo", () => {
  const made = (rpo: string) => {
    const { text } = produced(`objectives: { rpo: ${rpo} }\n`);
    const timeout = Number(/^archive_timeout = (\d+)$/m.exec(text("postgres-1/postgresql.conf"))?.[1]);
    const crontab = text("backup-postgres/crontab");
    const figures = /^(\S+) .* plimsoll-backup metrics$/m.exec(crontab)?.[1] === "*" ? 60 : 300;
    const rules = text("prometheus/rules/thresholds.rules.yaml");
    const threshold = Number(/archive_waiting_seconds\n +expr: vector\((\d+)\)/.exec(rules)?.[1]);
    return { timeout, figures, threshold };
  };

  // What is lost at worst when ArchiveEndangersRpo pages: the segment that was not full, what waited half of the RPO,
  // and the time until a figure and the alert's minute show it.
  it.each(["10m", "30m", "1h", "4h", "1d"])(
    "%s decides when a segment is closed, and is kept by the alert",
    (rpo) => {
      const seconds =
        Number.parseInt(rpo, 10) * ({ m: 60, h: 3600, d: 86_400 }[rpo.at(-1) as string] as number);
      const { timeout, figures } = made(rpo);
      expect(timeout).toBe(Math.min(300, Math.max(10, Math.floor(seconds / 12))));
      expect(timeout + seconds / 2 + figures + 60 + 30).toBeLessThanOrEqual(seconds);
    },
  );
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
      "volume" in offer ? [`${offer.what} ${offer.volume}${offer.broughtBy ? " whole 2d" : ""}`] : [],
    );
    // Whoever may have to be waited for comes last.
    expect(offered.filter((line) => line.endsWith("whole 2d"))).toEqual(offered.slice(-1));
    expect(text("backup-files/sources").trim().split("\n")).toEqual(offered);
  });

  it("follow the schedule and keep for as long as was said", () => {
    const { text } = produced(words({ schedule: "5 2 * * 1", keep: "10d" }));
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

describe("recovery bundles", () => {
  const recipient = "age1r04n9chytg3jxpmxp9du4d6tmmp4qj4rprjak0x4d9xmxd2xly2sfld2lt";
  const withKey = `backup:\n  recipient: ${recipient}\n  repository:\n    s3: ${JSON.stringify(s3)}\n`;
  const bundles = (more: string, environment: "local" | "production") => {
    const { plan, text, volumes } = produced(more, environment);
    return {
      volume: volumes("backup-files").some(({ target }) => target === "/recovery"),
      made: plan.services["backup-files"]?.compose.environment,
      uploads: text("backup-files/crontab").includes("plimsoll-backup-files upload"),
    };
  };

  it("are not made without a bucket, where nothing would outlive the host", () => {
    expect(
      bundles(`backup: { recipient: ${recipient}, lost_with_machine: accepted }\n`, "production"),
    ).toEqual({
      volume: false,
      made: expect.not.objectContaining({ PLIMSOLL_RECOVERY: "yes" }),
      uploads: false,
    });
  });

  it("are made and brought into the bucket where somebody can open them", () => {
    expect(bundles(withKey, "production")).toMatchObject({
      volume: true,
      uploads: true,
      made: {
        PLIMSOLL_RECOVERY: "yes",
        PLIMSOLL_S3_URL: "https://hello-backups.fra1.digitaloceanspaces.com",
        PLIMSOLL_S3_PREFIX: "hello-production/recovery/",
      },
    });
    expect(produced(withKey).text("backup-files/recipients")).toBe(`${recipient}\n`);
  });

  it("are none of a laptop's", () => {
    const { volume, made } = bundles(withKey, "local");
    expect(volume).toBe(false);
    expect(made).not.toHaveProperty("PLIMSOLL_RECOVERY");
  });
});
