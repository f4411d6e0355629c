import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { dashboards } from "../../grafana/dashboards.ts";
import { expressions } from "../../grafana/expressions.ts";
import { listOwn, readOwn } from "../package.ts";
import { renderFile } from "../render/files.ts";
import { GiB, MiB } from "../spec/words.ts";
import { documents, joined } from "../testing/joined.ts";
import { masked } from "../testing/masked.ts";
import type { Component, Context, File, Grants, Offers } from "./component.ts";
import { timeValue, watermarks } from "./elk/elasticsearch.ts";
import { MULTILINE, projectPattern, STACK_TRACE } from "./elk/filebeat.ts";
import { logstashPipeline } from "./elk/logstash.ts";
import { quote } from "./elk/lscl.ts";
import { MASKS } from "./elk/masks.ts";
import type { SavedObject } from "./elk/saved-objects.ts";
import { elk, Logging } from "./elk.ts";

const context = {
  spec: { name: "fkod" },
  environment: "production",
  machine: { slug: "custom", cpus: 4, memory: 16 * GiB, disk: 200 * GiB },
  images: "official",
  present: new Set(["elk"]),
  demand: () => 0,
} as unknown as Context;

const component = elk as Component<Logging>;
const options = Logging.parse({});
const claims = component.claim(options, context);
/** Every floor, and nothing more. */
const grants: Grants = {
  service: (name) => {
    const claim = claims.find(({ service }) => service === name);
    if (!claim) throw new Error(`${name} claimed nothing`);
    return { memory: claim.memory.floor, cpus: 4, cpuShares: claim.cpu.weight, pids: claim.pids };
  },
  volume: (name) => {
    const part = claims.flatMap(({ disk }) => (disk?.[name] ? [disk[name]] : []))[0];
    if (!part) throw new Error(`${name} claimed no disk`);
    return part.floor;
  },
};
const added = component.contribute(options, grants, context);
const services = added.services ?? {};

/** What elasticsearch_exporter 1.10 says of a node or cluster, or of each index. Source: its collector/*.go. */
const FIGURES: Readonly<Record<string, "index" | "node">> = {
  elasticsearch_cluster_health_status: "node",
  elasticsearch_filesystem_data_available_bytes: "node",
  elasticsearch_index_stats_indexing_index_time_seconds_total: "index",
  elasticsearch_index_stats_indexing_index_total: "index",
  elasticsearch_indices_docs_total: "index",
  elasticsearch_indices_store_size_bytes_total: "index",
  elasticsearch_jvm_gc_collection_seconds_sum: "node",
  elasticsearch_jvm_memory_max_bytes: "node",
  elasticsearch_jvm_memory_used_bytes: "node",
  elasticsearch_snapshot_stats_latest_snapshot_timestamp_seconds: "node",
  elasticsearch_snapshot_stats_number_of_snapshots: "node",
  elasticsearch_snapshot_stats_snapshot_failed_shards: "node",
  elasticsearch_thread_pool_queue_count: "node",
  elasticsearch_thread_pool_rejected_count: "node",
};

function fileOf(files: readonly File[] | undefined, path: string): string {
  const found = (files ?? [])
    .flatMap((file) => renderFile(file, "elk"))
    .find((rendered) => rendered.path === path);
  if (!found) throw new Error(`no file ${path}`);
  return found.text;
}

describe("logging", () => {
  it("is absent from a stack of Debian packages, with the reason", () => {
    expect(component.absent?.({ ...context, images: "debian" })).toContain("Debian does not package them");
    expect(component.absent?.(context)).toBeUndefined();
  });

  it.each([
    ["30d", undefined],
    ["36h", undefined],
    ["10m", "is below an hour"],
  ])("keep: %s is judged", (keep, message) => {
    expect(component.check?.(Logging.parse({ keep }), context)?.[0]?.message).toBe(message);
  });

  it.each(["relative/folder", "/var/../etc", "/a b", "/a\nb", "/a:b", "/$HOME"])(
    "refuses the folder %j",
    (containers) => {
      expect(Logging.safeParse({ containers }).success).toBe(false);
    },
  );

  it("runs every service as a user of Elastic's images, and Filebeat alone as root, without a capability", () => {
    for (const [name, service] of Object.entries(services)) {
      expect(service.user, name).toMatch(name === "filebeat" ? /^0:0$/ : /^[1-9]\d*:\d+$/);
      expect(service, name).not.toHaveProperty("cap_add");
      expect(Object.keys(service.exceptions ?? {}), name).toEqual(name === "filebeat" ? ["user"] : []);
    }
  });

  it("reads the containers' folder without being able to write there, and no socket", () => {
    expect(services.filebeat?.volumes).toContainEqual(
      expect.objectContaining({ source: "/var/lib/docker/containers", read_only: true }),
    );
    expect(JSON.stringify(services)).not.toContain("docker.sock");
  });

  it("publishes Kibana to this machine alone", () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports).toEqual([expect.objectContaining({ published: "5601", host_ip: "127.0.0.1" })]);
  });

  it("hands each service only the secrets it reads", () => {
    expect(services.logstash?.secrets).toEqual(["elastic_logstash_password"]);
    expect(services["elastic-keeper"]?.secrets).toEqual(["elastic_keeper_password", "elk_grafana_password"]);
    expect(services.filebeat?.secrets).toBeUndefined();
    const made = new Set(added.secrets?.map(({ name }) => name));
    for (const [name, service] of Object.entries(services)) {
      for (const secret of [...(service.secrets ?? []), ...(service.env_file ?? [])]) {
        expect([...made], name).toContain(secret);
      }
    }
  });

  it("reads in each script a secret that its service has", () => {
    for (const [name, service] of Object.entries(services)) {
      const script = /scripts\/([a-z-]+\.sh)/.exec(JSON.stringify(service.entrypoint ?? ""))?.[1];
      if (!script) continue;
      const text = readOwn(`elk/scripts/${script}`);
      for (const [secret] of text.matchAll(/\b(?:elastic|elk|kibana)_[a-z_]*(?:password|key)\b/g)) {
        expect(service.secrets, `${name}: ${script}`).toContain(secret);
      }
    }
  });

  it("keeps every heap below its container", () => {
    const elasticsearch = fileOf(added.files, "elk/elasticsearch/jvm.options");
    expect(elasticsearch).toContain("-Xmx512m");
    expect(services.logstash?.environment?.LS_JAVA_OPTS).toContain("-Xmx256m");
    const kibana = Number(/=(\d+)$/.exec(services.kibana?.environment?.NODE_OPTIONS ?? "")?.[1]);
    expect(kibana * MiB).toBeLessThan(0.75 * grants.service("kibana").memory);
  });

  it("keeps all that is bounded within its disk", () => {
    const logstash = component.collect?.(options, grants, { logs: {} } as unknown as Offers, context);
    const settings = parse(fileOf(logstash?.files, "elk/logstash/logstash.yml"));
    const bounded = [settings["queue.max_bytes"], settings["dead_letter_queue.max_bytes"]].map((text) =>
      Number.parseInt(text, 10),
    );
    expect((bounded[0] ?? 0) + (bounded[1] ?? 0)).toBeLessThan(grants.volume("logstash-data") / MiB);
    const filebeat = parse(fileOf(added.files, "elk/filebeat/filebeat.yml"));
    const [{ parsers }] = filebeat["filebeat.inputs"];
    expect(parsers.at(-1).multiline.max_lines).toBe(5000);
    expect(filebeat["queue.disk.max_size"]).toBeLessThan(grants.volume("filebeat-data"));
    expect(Number(services["elastic-keeper"]?.environment?.LOG_BYTES)).toBeLessThan(
      grants.volume("elasticsearch-data"),
    );
  });

  it("takes snapshots where there are backups to take them along, and not otherwise", () => {
    const withBackup = { ...context, present: new Set(["elk", "backup"]) };
    const disk = (of: Logging, where: Context) =>
      Object.keys(component.claim(of, where).find(({ service }) => service === "elasticsearch")?.disk ?? {});
    expect(disk(options, context)).toEqual(["elasticsearch-data"]);
    expect(disk(Logging.parse({ snapshots: false }), withBackup)).toEqual(["elasticsearch-data"]);
    expect(disk(options, withBackup)).toEqual(["elasticsearch-data", "elasticsearch-snapshots"]);
    const volume = (name: string) => (name === "elasticsearch-snapshots" ? 1 * GiB : grants.volume(name));
    const made = component.contribute(options, { ...grants, volume }, withBackup);
    expect(parse(fileOf(made.files, "elk/elasticsearch/elasticsearch.yml"))["path.repo"]).toBe(
      JSON.parse(fileOf(made.files, "elk/setup/repository.json")).settings.location,
    );
    expect(parse(fileOf(added.files, "elk/elasticsearch/elasticsearch.yml"))).not.toHaveProperty("path.repo");
    expect(made.services?.elasticsearch?.volumes).toContainEqual(
      expect.objectContaining({ source: "elasticsearch-snapshots" }),
    );
    // Logs fit into the smaller of the two.
    expect(made.services?.["elastic-keeper"]?.environment).toEqual({
      LOG_BYTES: String(0.75 * GiB),
      SNAPSHOT_EVERY: "3600",
      OTHERS_FOR: String(30 * 86_400),
    });
    expect(added.services?.["elastic-keeper"]?.environment).not.toHaveProperty("SNAPSHOT_EVERY");
    expect(made.services?.["elasticsearch-exporter"]?.command).toContain("--collector.snapshots");
    expect(made.backups).toContainEqual(
      expect.objectContaining({ what: "elasticsearch", volume: "elasticsearch-snapshots", owner: "1000:0" }),
    );
    expect(JSON.stringify(added.backups)).not.toContain("elasticsearch-snapshots");
  });

  it("says what its queues hold where node-exporter hands it on, on no port of the machine", () => {
    const keeper = (present: string[]) =>
      component.contribute(options, grants, { ...context, present: new Set(present) }).services?.[
        "elastic-keeper"
      ];
    const metrics = expect.objectContaining({ source: "metrics", target: "/metrics" });
    expect(keeper(["elk", "node-exporter"])?.volumes).toContainEqual(metrics);
    expect(keeper(["elk"])?.volumes).not.toContainEqual(metrics);
    expect(services.filebeat?.networks).toEqual(["logging"]);
    expect(services.logstash?.networks).toEqual(services["elastic-keeper"]?.networks);
    expect([services.filebeat?.ports, services.logstash?.ports]).toEqual([undefined, undefined]);
  });

  it("deletes after the days it was told, by the stream's own lifecycle", () => {
    const longer = component.contribute(Logging.parse({ keep: "2w" }), grants, context);
    const template = JSON.parse(fileOf(longer.files, "elk/setup/index-template.json"));
    expect(template).toMatchObject({
      index_patterns: ["logs-plimsoll-*"],
      composed_of: ["logs-plimsoll@mappings"],
      template: { lifecycle: { enabled: true, data_retention: "14d" } },
    });
    expect(template.priority).toBeGreaterThan(200);
  });

  it("is asked for figures that its exporter has, and for the logs' indices where the figure is an index's", () => {
    const rules = readOwn("prometheus/rules/elasticsearch.rules.yaml");
    const asked = [rules, ...expressions(dashboards.logs()).map(({ expr }) => expr)].join("\n");
    const names = [...asked.matchAll(/(?<![\w:])(elasticsearch_\w+)(\{[^}]*\})?/g)];
    expect(names.length).toBeGreaterThan(20);
    for (const [whole, name, labels] of names) {
      expect(Object.keys(FIGURES), whole).toContain(name);
      if (FIGURES[name as string] === "index") expect(labels).toBe('{index=~"[.]ds-logs-plimsoll-.+"}');
    }
  });

  it("names no folder in a mount that it does not fill", () => {
    const folders = new Set((added.files ?? []).map(({ path }) => path.split("/").slice(0, 2).join("/")));
    folders.add("elk/logstash");
    for (const [name, service] of Object.entries(services)) {
      for (const mount of service.volumes ?? []) {
        if (mount.source.startsWith("./")) expect([...folders], name).toContain(mount.source.slice(2));
      }
    }
  });
});

describe("Kibana", () => {
  const kibana = parse(fileOf(added.files, "elk/kibana/kibana.yml"));

  it("takes each secret from a variable that its script sets", () => {
    const script = readOwn("elk/scripts/kibana.sh");
    const variables = Object.values(kibana).flatMap(
      (value) => /^\$\{(\w+)\}$/.exec(String(value))?.[1] ?? [],
    );
    expect(variables).toHaveLength(3);
    for (const variable of variables) expect(script).toMatch(new RegExp(`export .*${variable}`));
  });

  it("is given its settings and keeps its image's node.options, which lie in the image's own folder", () => {
    const script = readOwn("elk/scripts/kibana.sh");
    const mounted = services.kibana?.volumes?.flatMap((mount) =>
      typeof mount === "object" && mount.source === "./elk/kibana" ? [mount.target] : [],
    );
    expect(script).toMatch(new RegExp(`^exec \\S+/kibana --config ${mounted}/kibana\\.yml$`, "m"));
    expect(script).not.toMatch(/^[^#]*KBN_PATH_CONF/m);
  });

  describe("is given saved objects", () => {
    const objects = fileOf(added.files, "elk/kibana-objects/saved-objects.ndjson")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as SavedObject);
    const named = (wanted: SavedObject["type"]) => objects.filter(({ type }) => type === wanted);
    type SavedPanel = {
      type: string;
      panelIndex: string;
      panelRefName?: string;
      gridData: { x: number; y: number; w: number; h: number; i: string };
      embeddableConfig: { attributes?: { references: { name: string; type: string; id: string }[] } };
    };
    const panels = JSON.parse(named("dashboard")[0]?.attributes.panelsJSON as string) as SavedPanel[];

    it("of which each reference is in the same file", () => {
      expect([named("index-pattern").length, named("dashboard").length]).toEqual([1, 1]);
      const ids = new Set(objects.map(({ type, id }) => `${type}/${id}`));
      expect(ids.size).toBe(objects.length);
      for (const { references } of objects)
        for (const { type, id } of references) expect([...ids]).toContain(`${type}/${id}`);
    });

    it("of which each search names its data view and asks in Kibana's language", () => {
      for (const { references, attributes } of named("search")) {
        const { searchSourceJSON } = attributes.kibanaSavedObjectMeta as { searchSourceJSON: string };
        const source = JSON.parse(searchSourceJSON);
        expect(references.map(({ name }) => name)).toEqual([source.indexRefName]);
        expect(source.query.language).toBe("kuery");
      }
    });

    it("of which the dashboard has all it refers to, and refers to all it has", () => {
      const needed = panels.flatMap(({ type, panelIndex, panelRefName, embeddableConfig }) =>
        type === "search"
          ? [{ name: `${panelIndex}:${panelRefName}`, type }]
          : (embeddableConfig.attributes?.references ?? []).map(({ name, type: of }) => ({
              name: `${panelIndex}:${name}`,
              type: of,
            })),
      );
      expect(named("dashboard")[0]?.references.map(({ name, type }) => ({ name, type }))).toEqual(needed);
      expect(needed).toHaveLength(panels.length);
      const shown = named("dashboard")[0]?.references.map(({ id }) => id);
      for (const { id } of named("search")) expect(shown).toContain(id);
    });

    it("of which the dashboard's panels fill its 48 columns and lie on no other", () => {
      const cells = panels.flatMap(({ gridData: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
      );
      expect(new Set(cells).size).toBe(cells.length);
      const height = Math.max(...panels.map(({ gridData: { y, h } }) => y + h));
      expect(cells.length).toBe(48 * height);
      for (const { gridData, panelIndex } of panels) expect(gridData.i).toBe(panelIndex);
    });

    it("of which the dashboard has only what Kibana's first schema knows, since it forbids all else", () => {
      // Source: dashboard/server/dashboard_saved_object/schema/v1.
      expect([
        "title",
        "description",
        "kibanaSavedObjectMeta",
        "timeRestore",
        "timeFrom",
        "timeTo",
        "refreshInterval",
        "controlGroupInput",
        "panelsJSON",
        "optionsJSON",
        "hits",
        "version",
      ]).toEqual(expect.arrayContaining(Object.keys(named("dashboard")[0]?.attributes ?? {})));
    });

    it("of which each asks for fields that the mapping has, or Kibana's own", () => {
      const mapped = readOwn("elk/elasticsearch/mappings.json");
      const leaf = (field: string) => `"${field.split(".").at(-1)}":`;
      for (const { attributes } of named("search"))
        for (const field of attributes.columns as string[]) expect(mapped, field).toContain(leaf(field));
      expect(mapped).toContain(leaf("service.name"));
    });
  });
});

describe("Filebeat", () => {
  const line = (project: string, log: string) =>
    `${JSON.stringify({ log, stream: "stdout", attrs: { "com.docker.compose.project": project, "com.docker.compose.service": "api-1" }, time: "2026-11-23T00:58:59.84Z" })}\n`;

  it.each(["fkod-production", "a_b-1"])("takes lines of the project %s alone", (project) => {
    const pattern = new RegExp(projectPattern(project));
    expect(pattern.test(line(project, "hello\n"))).toBe(true);
    expect(pattern.test(line("another", "hello\n"))).toBe(false);
    expect(pattern.test(line(`${project}-2`, "hello\n"))).toBe(false);
    // What a program prints is escaped in Docker's file.
    expect(pattern.test(line("another", `"com.docker.compose.project":"${project}"`))).toBe(false);
  });

  const linesOf = (parser: string) => readOwn(`elk/samples/${parser}.log`).trimEnd().split("\n");
  const parsers = listOwn("elk/samples")
    .filter((name) => name.endsWith(".log"))
    .map((name) => name.slice(0, -4));

  it("makes one of what Node, Python and Java print of an error, and joins no line of JSON to it", () => {
    const events = joined(linesOf("plain"));
    const expected = JSON.parse(readOwn("elk/samples/plain.expected.json")) as { message: string }[];
    // What the ingest pipeline takes out of JSON is for a server to say: elastic.test.ts.
    expect(events.map((event) => (event.startsWith("{") ? JSON.parse(event).msg : masked(event)))).toEqual(
      expected.map(({ message }) => message),
    );
    expect(events.filter((event) => event.includes("\n")).map((event) => event.split("\n")[0])).toEqual([
      "file:///app/server.mjs:3",
      "Traceback (most recent call last):",
      'Exception in thread "main" java.lang.IllegalStateException: no port',
    ]);
  });

  describe("of a service that prints nothing but traces", () => {
    const trace = [
      "Traceback (most recent call last):",
      '  File "/app/worker.py", line 9, in <module>',
      "    work()",
      "ValueError: no queue",
    ];
    const each = (apart: number, count: number) =>
      Array.from({ length: count }, (_, at) =>
        trace.map((line) => ({ at: at * apart, line: `${line}${line.startsWith("Value") ? ` ${at}` : ""}` })),
      ).flat();

    it.each([
      [1, 3600],
      [0.1, 36_000],
      [7, 500],
    ])("hands on every line soon, with one each %d s for an hour", (apart, count) => {
      const found = documents(each(apart, count));
      const at = new Map(
        found.flatMap(({ at, text }) => text.split("\n").map((line) => [line, at] as const)),
      );
      for (let one = 0; one < count; one++)
        expect(
          (at.get(`ValueError: no queue ${one}`) ?? Number.POSITIVE_INFINITY) - one * apart,
        ).toBeLessThanOrEqual(11);
      expect(found.flatMap(({ text }) => text.split("\n"))).toHaveLength(count * trace.length);
      // None is cut.
      for (const { text } of found) expect(text.startsWith("Traceback")).toBe(true);
    });

    it("would hand on the first lines alone, after the hour, if it waited longer for a line than for the next look", () => {
      const [only, ...others] = documents(each(1, 3600), { ...MULTILINE, timeout: "5s" });
      expect(others).toEqual([]);
      expect(only?.at).toBeGreaterThan(3600);
      expect(only?.text.split("\n")).toHaveLength(MULTILINE.max_lines);
    });

    it("has two documents of a trace that is printed on both sides of a look", () => {
      const found = documents(trace.map((line, at) => ({ at: 1.9 + at * 0.08, line })));
      expect(found.map(({ text }) => text.split("\n").length)).toEqual([2, 2]);
    });
  });

  it.each(parsers.filter((name) => name !== "plain"))("joins none of the lines that %s writes", (parser) =>
    expect(joined(linesOf(parser))).toEqual(linesOf(parser)),
  );

  it.each([
    "TypeError: x is not a function",
    "TypeError [ERR_INVALID_ARG_TYPE]: The argument",
    "Error",
    "Uncaught Error: boom",
    "java.io.IOException: Broken pipe",
    "django.db.utils.OperationalError: no connection",
    "node:internal/process/promises:394",
    "/app/dist/server.js:12",
    "Caused by: java.net.ConnectException",
    "",
    "}",
  ])("knows %j as a line of a trace", (text) => expect(text).toMatch(new RegExp(STACK_TRACE)));

  it.each([
    "Error handling is on",
    "error: no such file",
    "an Error: within",
    "ErrorCode: 5",
    "/app/dist/server.js is read",
    "Tracebacks are kept",
    '{"message":"Error: boom"}',
    "[1,2]",
    "GET / 200",
  ])("knows %j as none", (text) => expect(text).not.toMatch(new RegExp(STACK_TRACE)));
});

describe("Logstash", () => {
  it("knows every service's parser and guesses none", () => {
    const text = logstashPipeline({ "redis-cache": "redis", "api-1": "ecs-json" });
    expect(text).toContain('dictionary => { "api-1" => "ecs-json" "redis-cache" => "redis" }');
    expect(text).toContain('fallback => "plain"');
    for (const [pattern, replacement] of MASKS) {
      expect(text).toContain(`"message", ${quote(pattern)}, ${quote(replacement)}`);
    }
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Logstash's own spelling
    expect(text).toContain('password => "${LOGSTASH_WRITER_PASSWORD}"');
    expect(readOwn("elk/scripts/logstash.sh")).toContain("export LOGSTASH_WRITER_PASSWORD");
  });
});

describe("Elasticsearch", () => {
  it.each([
    [30 * 86_400, "30d"],
    [36 * 3600, "36h"],
    [5400, "90m"],
    [90.5, "91s"],
  ])("reads %d seconds as %s", (seconds, text) => expect(timeValue(seconds)).toBe(text));

  it.each([25, 60, 200, 400])(
    "stops writing only when a disk of %d GB is nearly full, in the right order",
    (disk) => {
      const { low, high, flood_stage } = watermarks(disk * GiB);
      const free = [low, high, flood_stage].map((text) => Number.parseInt(text, 10) * MiB);
      expect(free).toEqual([...free].sort((a, b) => b - a));
      expect(free[0]).toBeLessThan(0.1 * disk * GiB);
      expect(free[2]).toBeGreaterThanOrEqual(1 * GiB);
    },
  );

  it("has a pipeline for every parser that the way in names, and samples of each", () => {
    const entry = readOwn("elk/ingest/logs-plimsoll.yaml");
    const named = [...entry.matchAll(/name: (logs-plimsoll-[a-z-]+)/g)].map(([, name]) => name as string);
    for (const name of named) expect(parse(readOwn(`elk/ingest/${name}.yaml`))).toHaveProperty("processors");
    for (const parser of [
      "ecs-json",
      "nginx",
      "postgres",
      "redis",
      "haproxy",
      "logfmt",
      "supercronic",
      "elastic",
      "plain",
    ]) {
      expect(entry).toContain(`ctx.plimsoll.parser == '${parser}'`);
      const lines = joined(readOwn(`elk/samples/${parser}.log`).trimEnd().split("\n"));
      expect(JSON.parse(readOwn(`elk/samples/${parser}.expected.json`))).toHaveLength(lines.length);
    }
  });
});
