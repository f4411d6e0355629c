/**
 * How much of plain nginx's throughput is left with plimsoll's balancer and meter: the same image, configuration and
 * servers, once as generated, once without what counts requests, and once with an ordinary upstream and no njs on the
 * way. In turns, medians, as ratios.
 *
 *   npx tsx test/bench/nginx.ts [seconds] [rounds] [connections]
 *
 * Needs Docker with debian:forky-slim, and wrk.
 */
import { existsSync, readFileSync } from "node:fs";
import { execa } from "execa";
import { startEdge } from "../e2e/nginx-edge.ts";

const [seconds = 3, rounds = 7, connections = 32] = process.argv.slice(2).map(Number);
const SERVERS = 3;
const free = { rate: false, connections: 65_535 };

/** The metrics are counted where a request is logged. */
function unmetered(conf: string): string {
  return conf.replace(" if=$plimsoll_logged", "");
}

/** nginx.conf with nginx's own round robin over the same servers, and without a single call into njs. */
function plain(conf: string): string {
  const servers = Array.from(
    { length: SERVERS },
    (_, index) => `server api-${index + 1}:${5000 + index} resolve;`,
  );
  return unmetered(conf)
    .replaceAll("proxy_pass http://$plimsoll_first_0;", "proxy_pass http://plain;")
    .replace(
      "  upstream plimsoll_nobody {",
      `  upstream plain { zone plain 64k; ${servers.join(" ")} keepalive 64; keepalive_timeout 4s; keepalive_requests 100000; }\n  upstream plimsoll_nobody {`,
    );
}

type Sample = { perSecond: number; requests: number; cpu?: number };

async function load(url: string, time = seconds): Promise<{ perSecond: number; requests: number }> {
  const { stdout } = await execa("wrk", ["-t1", `-c${connections}`, `-d${time}s`, url]);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
  return { perSecond, requests };
}

/** CPU time of a container in nanoseconds, from its cgroup: unlike throughput hardly disturbed by neighbours. */
function cpuOf(id: string): number | undefined {
  const one = `/sys/fs/cgroup/cpuacct/docker/${id}/cpuacct.usage`;
  if (existsSync(one)) return Number(readFileSync(one, "utf8"));
  const two = `/sys/fs/cgroup/system.slice/docker-${id}.scope/cpu.stat`;
  if (!existsSync(two)) return undefined;
  return Number(/usage_usec (\d+)/.exec(readFileSync(two, "utf8"))?.[1]) * 1000;
}

async function measure(url: string, id?: string): Promise<Sample> {
  const before = id && cpuOf(id);
  const result = await load(url);
  const after = id && cpuOf(id);
  return { ...result, ...(before && after && { cpu: (after - before) / result.requests }) };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

type Subject = { name: string; conf?(text: string): string; samples: Sample[] };

const subjects: [Subject, Subject, Subject, Subject] = [
  { name: "one server, direct", samples: [] },
  { name: "nginx, plain upstream", conf: plain, samples: [] },
  { name: "nginx, balancing alone", conf: unmetered, samples: [] },
  { name: "nginx, plimsoll", conf: (text) => text, samples: [] },
];

// One nginx and the same servers for all: what differs is the configuration alone.
const edge = await startEdge({ name: "bench", servers: SERVERS, options: free });
try {
  const generated = readFileSync(`${edge.folder}/nginx/nginx.conf`, "utf8");
  const id = await edge.docker("inspect", "--format", "{{.Id}}", edge.door);
  const direct = `http://${await edge.address(edge.server(1))}:5000/`;
  for (let round = 0; round < rounds; round++) {
    for (const { conf, samples } of round % 2 === 0 ? subjects : [...subjects].reverse()) {
      if (conf) {
        edge.rewrite({ "nginx/nginx.conf": conf(generated) });
        await edge.docker("restart", "--time", "1", edge.door);
        await edge.healthy();
      }
      const url = conf ? `http://${await edge.address()}:8080/` : direct;
      await load(url, 1);
      samples.push(await measure(url, conf && id));
    }
  }
  const perSecond = ({ samples }: Subject) => median(samples.map((sample) => sample.perSecond));
  const best = ({ samples }: Subject) => Math.max(...samples.map((sample) => sample.perSecond));
  for (const subject of subjects) {
    const cpu = subject.samples.flatMap((sample) => (sample.cpu === undefined ? [] : [sample.cpu / 1000]));
    const own = cpu.length > 0 ? `, ${median(cpu).toFixed(1)} µs of nginx's CPU a request` : "";
    const best_ = `best ${best(subject).toFixed(0)}`;
    console.log(
      `${subject.name.padEnd(24)}${perSecond(subject).toFixed(0).padStart(7)} a second (${best_})${own}`,
    );
  }
  const [one, other, balancing, ours] = subjects;
  for (const [name, peer] of [
    ["plain", other],
    ["without metrics", balancing],
  ] as const) {
    // Round by round, so that a noisy minute is on both sides.
    const pairs = ours.samples.map(
      (sample, round) => sample.perSecond / (peer.samples[round]?.perSecond ?? Number.NaN),
    );
    console.log(
      `plimsoll / ${name.padEnd(16)} ${median(pairs).toFixed(3)} (best of each ${(best(ours) / best(peer)).toFixed(3)})`,
    );
  }
  console.log(`plimsoll / one direct       ${(perSecond(ours) / perSecond(one)).toFixed(3)}`);
} finally {
  await edge.stop();
}
