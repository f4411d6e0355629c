/** Starts the counting client in a process of its own, and asks it. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ClientOptions, Counts } from "./client-options.ts";

export type { ClientOptions, Counts } from "./client-options.ts";

export type Load = {
  /** Counts since the last take; what is still open comes in a later one. */
  take(): Promise<Counts>;
  /** Ends the load, waits for what is open, and gives the counts since the last take. Safe to call twice. */
  stop(): Promise<Counts>;
};

export async function startLoad(options: Partial<ClientOptions> & { url: string }): Promise<Load> {
  const script = join(import.meta.dirname, "client.ts");
  const child = spawn(process.execPath, ["--import", "tsx", script, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const waiting: { done: (counts: Counts) => void; failed: (error: Error) => void }[] = [];
  let gone = false;
  const next = () =>
    new Promise<Counts>((done, failed) => {
      if (gone) failed(new Error("the client of the load has ended"));
      else waiting.push({ done, failed });
    });
  createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()?.done(JSON.parse(line)));
  child.once("exit", (code) => {
    gone = true;
    for (const { failed } of waiting) failed(new Error(`the client of the load ended with ${code}`));
  });
  let ended: Promise<Counts> | undefined;
  const tell = (word: string) => {
    child.stdin.write(`${word}\n`);
    return next();
  };
  await next();
  return {
    take: () => tell("take"),
    stop() {
      ended ??= tell("stop");
      return ended;
    },
  };
}
