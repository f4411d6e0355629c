/** Ports of this machine for tunnels. */
import { connect, createServer, type Server } from "node:net";
import { Problem } from "../problem.ts";
import type { Tunnel } from "./host.ts";

/** One that nothing listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, 0);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Another port of this machine for one of its own. */
export async function relayPort(remotePort: number, localPort: number): Promise<Tunnel> {
  const server = createServer((near) => {
    const far = connect(remotePort, "127.0.0.1");
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
  });
  const port = await listen(server, localPort);
  return {
    port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** @throws Problem where the port is taken */
async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(portTaken(port, error.message)));
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as { port: number }).port;
}

export function portTaken(port: number, why: string): Problem {
  return new Problem(`port ${port} of this machine cannot be listened on: ${why}`, "Name another one.");
}
