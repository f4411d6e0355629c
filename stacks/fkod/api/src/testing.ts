import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import pg from "pg";

/** A real process of ours under test; built by `npm run build` first. */
export type Started = {
  base: string;
  metrics: string;
  child: ChildProcess;
  output(): string;
  /** Sends SIGTERM and returns the exit code. */
  stop(): Promise<number | null>;
};

const dist = fileURLToPath(new URL("../dist/", import.meta.url));

export async function startServer(port: number, env: Record<string, string>): Promise<Started> {
  const child = spawn(process.execPath, [`${dist}server.js`], {
    env: { PATH: process.env.PATH, HOST: "127.0.0.1", PORT: String(port), ...env },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk) => {
      output += chunk;
    });
  const exited = once(child, "exit");
  const base = `http://127.0.0.1:${port}`;
  for (let attempt = 0; ; attempt++) {
    if (child.exitCode !== null || attempt > 100) throw new Error(`the server did not start:\n${output}`);
    const up = await fetch(`${base}/health`).catch(() => undefined);
    if (up?.ok) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    base,
    metrics: `http://127.0.0.1:${port + 1000}/metrics`,
    child,
    output: () => output,
    async stop() {
      child.kill("SIGTERM");
      const [code] = await exited;
      return code;
    },
  };
}

export async function run(script: string, args: string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [`${dist}${script}.js`, ...args], {
    env: { PATH: process.env.PATH, ...env },
  });
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (chunk) => {
      text[name] += chunk;
    });
  const [code] = await once(child, "close");
  return { code: code as number, ...text };
}

/** A database of its own beside the given one, dropped by `drop`. The role needs CREATEDB. */
export async function freshDatabase(url: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `fkod_test_${process.pid}_${Date.now()}`;
  const admin = async (sql: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  await admin(`create database ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return { url: own.href, drop: () => admin(`drop database if exists ${name} with (force)`) };
}
