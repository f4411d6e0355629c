/**
 * The keeper's script itself: its figures of the queues, with answers as Logstash's and Filebeat's references have them, and
 * what its rounds leave of logs that are cut by size.
 */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { packageRoot, readOwn } from "../../package.ts";
import { eachInItsFolder } from "../../testing/folder.ts";

const LOGSTASH = {
  host: "logstash",
  pipelines: {
    main: {
      events: { in: 9, out: 7, queue_push_duration_in_millis: 4 },
      flow: { queue_backpressure: { current: 0.1 }, queue_persisted_growth_bytes: { current: 12 } },
      plugins: { outputs: [{ id: "elasticsearch", documents: { dlq_routed: 2, successes: 5 } }] },
      queue: {
        type: "persisted",
        capacity: {
          max_unread_events: 0,
          page_capacity_in_bytes: 16777216,
          max_queue_size_in_bytes: 1073741824,
          queue_size_in_bytes: 3885,
        },
        data: { path: "/usr/share/logstash/data/queue/main", free_space_in_bytes: 936886480896 },
        events: 41,
        events_count: 41,
        queue_size_in_bytes: 3885,
        max_queue_size_in_bytes: 1073741824,
      },
      dead_letter_queue: {
        max_queue_size_in_bytes: 230686720,
        last_error: "no errors",
        queue_size_in_bytes: 1811,
        dropped_events: 0,
        expired_events: 0,
        storage_policy: "drop_older",
      },
    },
  },
};
const FILEBEAT = {
  libbeat: {
    output: { events: { active: 3, acked: 90 }, write: { bytes: 7777 } },
    pipeline: {
      events: { active: 5, total: 95 },
      queue: {
        added: { bytes: 9000, events: 95 },
        filled: { bytes: 512, events: 5, pct: 0.0000025 },
        max_bytes: 214748364,
        max_events: 0,
      },
    },
  },
};

const folder = eachInItsFolder();

/** What it writes for node_exporter, where these answer; undefined is one that is down. */
async function figures(logstash: object | undefined, filebeat: object | undefined): Promise<string> {
  const path = mkdtempSync(join(folder.path, "keeper-"));
  const [bin, metrics] = [join(path, "bin"), join(path, "metrics")];
  for (const made of [bin, metrics]) mkdirSync(made);
  if (logstash) writeFileSync(join(path, "logstash"), JSON.stringify(logstash, null, 1));
  if (filebeat) writeFileSync(join(path, "filebeat"), JSON.stringify(filebeat));
  writeFileSync(
    join(bin, "curl"),
    `#!/bin/bash\ncase "\${!#}" in\n  http://logstash:9600/_node/stats/pipelines/main) cat "${path}/logstash" ;;\n  http://filebeat:5066/stats) cat "${path}/filebeat" ;;\n  *) exit 7 ;;\nesac 2>/dev/null\n`,
  );
  chmodSync(join(bin, "curl"), 0o755);
  await execa("bash", [join(packageRoot, "elk/scripts/keeper.sh"), "figures"], {
    env: { PATH: `${bin}:${process.env.PATH}`, METRICS: metrics },
  });
  expect(readdirSync(metrics)).toEqual(["logging.prom"]);
  const written = readFileSync(join(metrics, "logging.prom"), "utf8");
  const [stamp = "", seconds] = /plimsoll_logs_timestamp_seconds (\d+)\n$/.exec(written) ?? [];
  expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(60);
  return written.slice(0, -stamp.length);
}

const OF_LOGSTASH = `plimsoll_logs_queue_events{queue="logstash"} 41
plimsoll_logs_queue_bytes{queue="logstash"} 3885
plimsoll_logs_queue_max_bytes{queue="logstash"} 1073741824
plimsoll_logs_refused_bytes 1811
plimsoll_logs_refused_max_bytes 230686720
`;
const OF_FILEBEAT = `plimsoll_logs_queue_events{queue="filebeat"} 5
plimsoll_logs_queue_bytes{queue="filebeat"} 512
plimsoll_logs_queue_max_bytes{queue="filebeat"} 214748364
`;

it("writes what waits in both queues and what was refused", async () =>
  expect(await figures(LOGSTASH, FILEBEAT)).toBe(OF_LOGSTASH + OF_FILEBEAT));

it("writes nothing of one that does not answer, and takes no other's figure for it", async () => {
  expect(await figures(undefined, FILEBEAT)).toBe(OF_FILEBEAT);
  expect(await figures(LOGSTASH, undefined)).toBe(OF_LOGSTASH);
  expect(await figures(undefined, undefined)).toBe("");
  const { dead_letter_queue } = LOGSTASH.pipelines.main;
  const starting = await figures({ pipelines: { main: { dead_letter_queue } } }, {});
  expect(starting).toBe("plimsoll_logs_refused_bytes 1811\nplimsoll_logs_refused_max_bytes 230686720\n");
});

/** A round of the service itself, whose calls all fail: what it said, and what is left of its figures once it ended. */
async function once(mode: number) {
  const path = mkdtempSync(join(folder.path, "keeper-"));
  const [bin, metrics] = [join(path, "bin"), join(path, "metrics")];
  for (const made of [bin, metrics]) mkdirSync(made);
  writeFileSync(join(bin, "curl"), "#!/bin/bash\nexit 7\n", { mode: 0o755 });
  writeFileSync(join(metrics, "logging.prom"), "");
  chmodSync(metrics, mode);
  // Root may write everywhere, but without its capabilities.
  const root = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : [];
  const [file = "", ...rest] = [...root, "bash", join(packageRoot, "elk/scripts/keeper.sh"), "once"];
  const { stdout } = await execa(file, rest, {
    env: { PATH: `${bin}:${process.env.PATH}`, METRICS: metrics, LAST: join(path, "last"), LOG_BYTES: "1" },
  });
  return { said: stdout, left: readdirSync(metrics) };
}

it("leaves no figures behind when it ends", async () => {
  const { said, left } = await once(0o755);
  expect(left).toEqual([]);
  expect(said).not.toContain("cannot be written");
});

it("says once that it cannot write them", async () => {
  const { said } = await once(0o555);
  expect(said.match(/metrics cannot be written/g)).toHaveLength(1);
});

/** Elasticsearch as its rounds see it: a file an index, with its size. */
const INDICES = `#!/bin/bash
while (($#)); do
  case $1 in --url) url=$2 ;; --request) method=$2 ;; esac
  shift
done
cd "\${0%/*}/../indices" || exit
case "$method $url" in
  "GET "*/_cat/indices/*) for name in $(ls -A); do echo "$name $(<"$name")"; done ;;
  "DELETE "*) rm "\${url##*/}" ;;
  "POST "*/logs-plimsoll-default/_rollover)
    printf -v name '.ds-logs-plimsoll-default-2026.11.29-%06d' $(($(ls -A | tail -n 1 | sed 's/.*-0*//') + 1))
    echo 0 >"$name" ;;
  *) exit 22 ;;
esac
`;

it.each([0.5, 3])(
  "tells of logs that are cut by size all the time, and grow by %d percent of their room in five minutes",
  async (percent) => {
    const path = mkdtempSync(join(folder.path, "keeper-"));
    for (const made of ["bin", "indices", "secrets"]) mkdirSync(join(path, made));
    writeFileSync(join(path, "secrets/elastic_keeper_password"), "x");
    writeFileSync(join(path, "bin/curl"), INDICES, { mode: 0o755 });
    const sizes = () =>
      readdirSync(join(path, "indices"))
        .sort()
        .map((name) => ({ name, size: Number(readFileSync(join(path, "indices", name), "utf8")) }));
    const bytes = 1_000_000;
    // As many as there are when the first is to go.
    for (let index = 1; index <= 9; index++)
      writeFileSync(join(path, `indices/.ds-logs-plimsoll-default-2026.11.29-00000${index}`), "105000");
    const totals: number[] = [];
    for (let round = 0; round < 60; round++) {
      const write = sizes().at(-1) as { name: string; size: number };
      writeFileSync(join(path, "indices", write.name), String(write.size + (bytes * percent) / 100));
      await execa("bash", [join(packageRoot, "elk/scripts/keeper.sh"), "round"], {
        env: {
          PATH: `${join(path, "bin")}:${process.env.PATH}`,
          SECRETS: join(path, "secrets"),
          LOG_BYTES: String(bytes),
        },
      });
      totals.push(sizes().reduce((sum, { size }) => sum + size, 0) / bytes);
    }
    expect(sizes()[0]?.name).not.toMatch(/-000001$/);
    expect(Math.max(...totals)).toBeLessThanOrEqual(1);
    const rules = readOwn("prometheus/rules/elasticsearch.rules.yaml");
    const told = Number(/([\d.]+) \* scalar\(plimsoll:retention:logs_bytes\)/.exec(rules)?.[1]);
    expect(Math.min(...totals)).toBeGreaterThan(told);
  },
  60_000,
);
