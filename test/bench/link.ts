/**
 * What a deploy costs the link: connections, round trips and bytes over a relay with 100 ms there and back.
 *   npm run -s build && npx tsx test/bench/link.ts
 * ROUNDS=1 of each change; DELAY=50 milliseconds each way. A droplet of its own (test/e2e/droplet.ts), real ssh and
 * the CLI itself as anyone calls it. What is put in place: test/deploy/stack, three servers and nginx, whose images but
 * the application's are there already.
 */
import { appendFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { produce } from "../../generator/index.ts";
import { readStackFolder } from "../../generator/stack.ts";
import { BASE_IMAGE } from "../../operator/engine/registry.ts";
import { sshHost } from "../../operator/host/ssh.ts";
import { imagesIn } from "../../operator/up/images.ts";
import { type Droplet, startDroplet } from "../e2e/droplet.ts";
import { engineOrSkip } from "../e2e/engine.ts";
import { type RelayFigures, startRelay } from "../e2e/relay.ts";
import { median, row } from "./measure.ts";

const rounds = Number(process.env.ROUNDS ?? 1);
const delay = Number(process.env.DELAY ?? 50);
const CLI = resolve("bin/plimsoll.js");
const ROOT = "/srv/plimsoll/rolling-production";

/**
 * `begun`: until the engine has begun, from where on it works by itself. Every 5 s ssh asks whether the host lives: a first
 * step that builds for long counts those round trips too.
 */
type Measured = RelayFigures & { milliseconds: number; begun: { milliseconds: number; roundTrips: number } };

async function bench(droplet: Droplet, folder: string): Promise<void> {
  const stack = join(folder, "stacks/rolling");
  await cp(resolve("test/deploy/stack"), stack, { recursive: true });
  await appendFile(
    join(stack, "stack.yaml"),
    "  production:\n    host: link\n    machine: { cpus: 2, memory: 2GB, disk: 20GB }\n    certificates: false\n",
  );
  const { files } = produce(await readStackFolder(stack), "production", { images: "debian" });
  const compose = files.find(({ path }) => path === "compose.yaml")?.text ?? "";
  await droplet.images([BASE_IMAGE, ...imagesIn(compose).filter((image) => image.startsWith("plimsoll/"))]);

  const relay = await startRelay({ host: droplet.address, port: 22, delay });
  const config = join(folder, "ssh_config");
  await writeFile(config, entry(relay.port, droplet, join(folder, "kept")));
  const plimsoll = async (...words: string[]): Promise<Measured> => {
    const start = performance.now();
    const earlier = relay.figures().roundTrips;
    const now = () => ({
      milliseconds: performance.now() - start,
      roundTrips: relay.figures().roundTrips - earlier,
    });
    let begun: Measured["begun"] | undefined;
    const { value, ...figures } = await relay.measure(async () => {
      const env = { PLIMSOLL_SSH_CONFIG: config };
      const running = execa(process.execPath, [CLI, ...words, "--json"], { cwd: folder, env, reject: false });
      let said = "";
      running.stderr.on("data", (part: Buffer) => {
        said += part;
        const took = /^ok .*? ([\d.]+) s/m.exec(said)?.[1];
        // Its first word comes at the end of its first step.
        if (took && !begun) {
          begun = now();
          begun.milliseconds -= Number(took) * 1000;
        }
      });
      return running;
    });
    if (value.exitCode !== 0)
      throw new Error(`plimsoll ${words.join(" ")}\n${value.stdout}\n${value.stderr}`);
    return { ...figures, begun: begun ?? now() };
  };
  const deploy = ["deploy", "production", "--yes"];
  const several = async (count: number, before: (round: number) => Promise<unknown>) => {
    const all: Measured[] = [];
    for (let round = 0; round < count; round++) {
      await before(round);
      all.push(await plimsoll(...deploy));
    }
    return middle(all);
  };

  try {
    const opened = await relay.measure(async () => (await sshHost("link", { configFile: config })).close());
    const bare = await relay.measure(async () => execa("ssh", ["-F", config, "link", "true"]));
    row(
      `${2 * delay} ms there and back`,
      "connections",
      "up".padStart(9),
      "down".padStart(9),
      "seconds",
      "until the engine begins: round trips",
      "beyond connecting",
      "least",
      "seconds",
      "ratio",
    );
    const show = (what: string, { begun, ...figures }: Measured) => {
      const least = (begun.roundTrips * 2 * delay) / 1000;
      const seconds = begun.milliseconds / 1000;
      row(
        what,
        String(figures.connections).padStart(11),
        bytes(figures.sent),
        bytes(figures.received),
        (figures.milliseconds / 1000).toFixed(1).padStart(7),
        String(begun.roundTrips).padStart(38),
        String(begun.roundTrips - opened.roundTrips).padStart(17),
        `${least.toFixed(1)} s`,
        seconds.toFixed(1).padStart(7),
        (seconds / least).toFixed(2),
      );
    };
    show("ssh link true", { ...bare, begun: bare });
    show("plimsoll's connection, and nothing else", { ...opened, begun: opened });
    show("first deploy", await plimsoll(...deploy));
    const before = await running(droplet);
    show("no change", await several(5, async () => undefined));
    const change = (round: number) => appendFile(join(stack, "app/server.mjs"), `// ${round}\n`);
    show("one line of the application", await several(rounds, change));
    const word = async (round: number) => {
      const path = join(stack, "stack.yaml");
      const text = await readFile(path, "utf8");
      await writeFile(path, text.replace(/^ {2}stop: \d+s$/m, `  stop: ${9 - round}s`));
    };
    show("one word of stack.yaml", await several(rounds, word));
    show("rollback to v1", await plimsoll("rollback", "production", "v1", "--yes"));
    const after = await running(droplet);
    const [live, kept] = await Promise.all([
      sums(droplet, `${ROOT}/generated/production`),
      sums(droplet, `${ROOT}/state/releases/v1/files`),
    ]);
    console.log(
      `\nafter the rollback: ${live.size} live files, ${different(live, kept)} differ from v1's; ` +
        `${after.size} containers, ${different(after, before)} differ in image or configuration from those of v1`,
    );
    // As ControlPersist in ssh_config keeps it between commands.
    await execa("ssh", ["-F", config, "-fNM", "link"], { stdio: "ignore" });
    show("no change, over a connection that ssh keeps", await several(5, async () => undefined));
    show("one line of the application, over it", await several(rounds, (round) => change(rounds + round)));
    await execa("ssh", ["-F", config, "-O", "exit", "link"], { stdio: "ignore" });
    const began = performance.now();
    await execa(process.execPath, [CLI, "--version"]);
    const own = (performance.now() - began) / 1000;
    console.log(`the CLI by itself, on the same machine at the same time: ${own.toFixed(2)} s for --version`);
  } finally {
    await relay.stop();
  }
}

function entry(port: number, droplet: Droplet, control: string): string {
  return [
    "Host link",
    "  HostName 127.0.0.1",
    `  Port ${port}`,
    `  User ${droplet.user}`,
    `  IdentityFile ${droplet.keyFile}`,
    "  IdentitiesOnly yes",
    `  HostKeyAlias ${droplet.address}`,
    `  UserKnownHostsFile ${droplet.knownHosts}`,
    "  GlobalKnownHostsFile /dev/null",
    "  StrictHostKeyChecking yes",
    "  BatchMode yes",
    `  ControlPath ${control}`,
    "",
  ].join("\n");
}

/** The round with the median time, so that its figures belong together. */
function middle(all: readonly Measured[]): Measured {
  const time = median(all.map(({ milliseconds }) => milliseconds));
  return all.find(({ milliseconds }) => milliseconds === time) as Measured;
}

function bytes(count: number): string {
  return `${(count / 1024).toFixed(1)} KB`.padStart(9);
}

/** Hash by path. */
async function sums(droplet: Droplet, folder: string): Promise<Map<string, string>> {
  const text = await droplet.exec(`cd ${folder} && find . -type f -exec sha256sum {} +`);
  return new Map(text.split("\n").map((line) => [line.slice(66), line.slice(0, 64)]));
}

/** What each container is made of: its image's id and Compose's hash of its configuration. */
async function running(droplet: Droplet): Promise<Map<string, string>> {
  const text = await droplet.exec(
    `docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}} {{.Image}} {{index .Config.Labels "com.docker.compose.config-hash"}}' $(docker ps -q)`,
  );
  return new Map(text.split("\n").map((line) => [line.split(" ")[0] as string, line]));
}

function different(left: ReadonlyMap<string, string>, right: ReadonlyMap<string, string>): number {
  return [...new Set([...left.keys(), ...right.keys()])].filter((key) => left.get(key) !== right.get(key))
    .length;
}

if (await engineOrSkip()) {
  const folder = await mkdtemp(join(tmpdir(), "link-"));
  const droplet = await startDroplet({ name: "link" });
  try {
    await mkdir(join(folder, "stacks"));
    await bench(droplet, folder);
  } finally {
    await droplet.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
