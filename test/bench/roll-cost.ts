/** What a roll costs beyond what it cannot help: the application's own start, and its own end. */
import { spawn } from "node:child_process";
import { request } from "node:http";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { openSite } from "../e2e/onhost-site.ts";
import { median, row } from "./measure.ts";

/** Seconds that three servers may take beyond those. */
const LIMIT = 3;

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Nothing is asked of the stack meanwhile: then there is no request to wait for, and what remains is ours. */
export async function measureCost(app: string, rounds: number): Promise<void> {
  const site = await openSite("cost", { "api.command": `node ${app}.mjs` }, resolve("test/deploy/stack"));
  const bare: number[] = [];
  const costs: {
    whole: number;
    roll: number;
    starts: number;
    stops: number;
    over: number;
    /** Of it what the three servers took, without the spare. */
    three: number;
  }[] = [];
  try {
    const deploy = async (round: string) => {
      const done = await site.deploy({ words: { "api.environment": { ROUND: round } } });
      if (done.exitCode !== 0) throw new Error(`${done.output}\n${await site.reasonOf(done.version)}`);
      return done.events;
    };
    await deploy("first");
    for (let round = 0; round < rounds; round++) {
      const watch = watchServers(site.project);
      await pause(1000);
      const events = await deploy(String(round));
      const { starts, stops } = await watch.end();
      const [first, last] = [events[0], events.at(-1)];
      const whole = (Date.parse(last?.at ?? "") - Date.parse(first?.at ?? "")) / 1000;
      // The spare's start is waited for; its end is not.
      const steps = events.filter(
        ({ step, state }) => state === "done" && (step === "spare" || /^roll /.test(step)),
      );
      const took = (list: typeof steps) => list.reduce((sum, { seconds = 0 }) => sum + seconds, 0);
      const roll = took(steps);
      const sum = (values: Map<string, number>, with_: (name: string) => boolean) =>
        [...values].filter(([name]) => with_(name)).reduce((total, [, seconds]) => total + seconds, 0);
      const started = sum(starts, () => true);
      const own = (name: string) => !name.endsWith("-spare");
      const stopped = sum(stops, own);
      const three = took(steps.filter(({ step }) => step !== "spare")) - sum(starts, own) - stopped;
      costs.push({ whole, roll, starts: started, stops: stopped, over: roll - started - stopped, three });
    }
    // Its like on this machine, at this load: Compose alone, replacing one server.
    for (let round = 0; round < rounds; round++) {
      const watch = watchServers(site.project);
      await pause(1000);
      const began = performance.now();
      const { exitCode, all } = await site.plain("up", "-d", "--no-deps", "--force-recreate", "api-1");
      if (exitCode !== 0) throw new Error(all);
      const seconds = (performance.now() - began) / 1000;
      bare.push(seconds - ((await watch.end()).stops.get("api-1") ?? 0));
    }
  } finally {
    await site.close();
  }
  const of = (key: keyof (typeof costs)[number]) => median(costs.map((cost) => cost[key]));
  const over = of("over");
  row(
    `${app}: three servers and the spare, no traffic`,
    `roll ${of("roll").toFixed(1)} s of the deploy's ${of("whole").toFixed(1)} s`,
    `own starts ${of("starts").toFixed(1)} s`,
    `own ends ${of("stops").toFixed(1)} s`,
    `beyond them ${over.toFixed(1)} s (${costs.map((cost) => cost.over.toFixed(1)).join(", ")})`,
    `limit ${LIMIT} s, ratio ${(over / LIMIT).toFixed(2)}`,
    `the three servers of it ${of("three").toFixed(1)} s, ratio ${(of("three") / LIMIT).toFixed(2)}`,
    `four times Compose's own replacing of one ${(4 * median(bare)).toFixed(1)} s`,
  );
}

/** By the engine's own times: start to the first 200 of /ready, and the signal to the end. Seconds by service. */
function watchServers(project: string) {
  const starts = new Map<string, number>();
  const stops = new Map<string, number>();
  const killed = new Map<string, number>();
  const asking: Promise<void>[] = [];
  const format = '{{.TimeNano}} {{.Action}} {{index .Actor.Attributes "com.docker.compose.service"}} {{.ID}}';
  const child = spawn(
    "docker",
    [
      ...["events", "--filter", `label=com.docker.compose.project=${project}`, "--filter", "type=container"],
      ...["--filter", "event=start", "--filter", "event=kill", "--filter", "event=die", "--format", format],
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [nano = "", action, service = "", id = ""] = line.split(" ");
    if (!/^api-/.test(service)) return;
    const at = Number(nano) / 1e9;
    if (action === "kill") killed.set(id, killed.get(id) ?? at);
    else if (action === "die") stops.set(service, at - (killed.get(id) ?? at));
    else if (action === "start")
      asking.push(
        firstAnswer(id).then((answered) => {
          starts.set(service, answered / 1000 - at);
        }),
      );
  });
  return {
    async end() {
      await Promise.all(asking);
      child.kill();
      return { starts, stops };
    },
  };
}

/** @returns milliseconds of the epoch at its first 200 */
async function firstAnswer(id: string): Promise<number> {
  const { stdout } = await execa("docker", [
    ...["inspect", "--format"],
    "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}{{range .Config.Env}}{{println .}}{{end}}",
    id,
  ]);
  const host = stdout.split(" ")[0];
  const port = Number(/(?:^|\s)PORT=(\d+)$/m.exec(stdout)?.[1]);
  for (let tries = 0; tries < 3000; tries++) {
    if (await answers(host ?? "", port)) return Date.now();
    await pause(10);
  }
  throw new Error(`${id} never answered at ${host}:${port}`);
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const asked = request({ host, port, path: "/ready", timeout: 500, agent: false }, (response) => {
      response.resume();
      done(response.statusCode === 200);
    });
    asked.on("error", () => done(false)).on("timeout", () => asked.destroy());
    asked.end();
  });
}
