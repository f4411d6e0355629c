/**
 * How much of plain nginx's throughput is left with plimsoll's balancer and meter: the same image, configuration and
 * servers, once as generated and once with an ordinary upstream and no njs on the way. In turns, medians, as ratios.
 *
 *   npx tsx test/bench/nginx.ts [seconds] [rounds] [connections]
 *
 * Needs Docker with debian:forky-slim, and wrk.
 */
import { existsSync, readFileSync } from "node:fs";
import { execa } from "execa";
import { type Edge, startEdge } from "../e2e/nginx-edge.ts";

const [seconds = 3, rounds = 7, connections = 32] = process.argv.slice(2).map(Number);
const SERVERS = 3;
const free = { rate: false, connections: 65_535 };

/** nginx.conf with nginx's own round robin over the same servers, and without a single call into njs. */
function plain(conf: string): string {
  const servers = Array.from(
    { length: SERVERS },
    (_, index) => `server api-${index + 1}:${5000 + index} resolve;`,
  );
  return conf
    .replaceAll("proxy_pass http://$plimsoll_first_0;", "proxy_pass http://plain;")
    .replace(" if=$plimsoll_logged", "")
    .replace(
      "  upstream plimsoll_nobody {",
      `  upstream plain { zone plain 64k; ${servers.join(" ")} keepalive 64; keepalive_timeout 4s; keepalive_requests 100000; }\n  upstream plimsoll_nobody {`,
    );
}

type Sample = { perSecond: number; requests: number; cpu?: number };

async function load(url: string): Promise<{ perSecond: number; requests: number }> {
  const { stdout } = await execa("wrk", ["-t1", `-c${connections}`, `-d${seconds}s`, url]);
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

const idOf = async (edge: Edge) => edge.docker("inspect", "--format", "{{.Id}}", edge.door);

const edges: Edge[] = [];
try {
  const ours = await startEdge({ name: "bench", servers: SERVERS, options: free });
  edges.push(ours);
  const ordinary = await startEdge({ name: "plain", servers: SERVERS, options: free, change: plain });
  edges.push(ordinary);
  const direct = `http://${await ours.address(ours.server(1))}:5000/`;
  const subjects = [
    { name: "one server, direct", url: direct, samples: [] as Sample[] },
    {
      name: "nginx, plain upstream",
      url: `${ordinary.url}/`,
      id: await idOf(ordinary),
      samples: [] as Sample[],
    },
    { name: "nginx, plimsoll", url: `${ours.url}/`, id: await idOf(ours), samples: [] as Sample[] },
  ];
  for (const { url } of subjects) await load(url);
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? subjects : [...subjects].reverse();
    for (const subject of order) subject.samples.push(await measure(subject.url, subject.id));
  }
  const shown = subjects.map(({ name, samples }) => ({
    name,
    perSecond: median(samples.map((sample) => sample.perSecond)),
    best: Math.max(...samples.map((sample) => sample.perSecond)),
    cpu: median(samples.map((sample) => (sample.cpu ?? Number.NaN) / 1000)),
  }));
  for (const { name, perSecond, best, cpu } of shown) {
    const own = Number.isNaN(cpu) ? "" : `   ${cpu.toFixed(1)} µs of nginx's CPU a request`;
    console.log(
      `${name.padEnd(24)} ${perSecond.toFixed(0).padStart(7)} a second (best ${best.toFixed(0)})${own}`,
    );
  }
  const [one, other, plimsoll] = shown as [(typeof shown)[0], (typeof shown)[0], (typeof shown)[0]];
  // Round by round, so that a noisy minute is on both sides.
  const pairs = subjects[2]?.samples.map(
    (sample, round) => sample.perSecond / (subjects[1]?.samples[round]?.perSecond ?? Number.NaN),
  );
  console.log(
    `plimsoll / plain        ${median(pairs ?? []).toFixed(3)} (of best ${(plimsoll.best / other.best).toFixed(3)})`,
  );
  console.log(`plimsoll / one direct   ${(plimsoll.perSecond / one.perSecond).toFixed(3)}`);
} finally {
  for (const edge of edges) await edge.stop();
}
