/** Is a host gone? It is tried from here: what answers in any way is alive, and two sites must not write into one repository. */
import { createConnection } from "node:net";
import { parseDestination } from "../host/destination.ts";
import type { Host } from "../host/host.ts";
import { addressOf } from "../load/target.ts";

/** Milliseconds that a host far away on a bad line may take. */
const PATIENCE = 5_000;

export type Answer = { port: number; how: "takes connections" | "refuses connections" };

/** The first sign of life of a host; undefined where nothing of it answers. */
export async function signOfLife(
  destination: string,
  here: Host,
  patience = PATIENCE,
): Promise<Answer | undefined> {
  const address = await addressOf(destination, here).catch(() => parseDestination(destination).host);
  const ports = [parseDestination(destination).port ?? 22, 443, 80];
  const answers = await Promise.all(ports.map((port) => tryPort(address, port, patience)));
  // One that takes connections says more than one that refuses them.
  return answers.find((answer) => answer?.how === "takes connections") ?? answers.find(Boolean);
}

/** Who refuses is there too. */
function tryPort(host: string, port: number, patience: number): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    const end = (answer: Answer | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(patience, () => end(undefined));
    socket.on("connect", () => end({ port, how: "takes connections" }));
    socket.on("error", ({ code }: NodeJS.ErrnoException) =>
      end(code === "ECONNREFUSED" ? { port, how: "refuses connections" } : undefined),
    );
  });
}
