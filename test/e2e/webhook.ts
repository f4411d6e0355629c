/** A receiver of Alertmanager's webhooks in this process, for containers of the engine. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { execa } from "execa";

export type Call = {
  path: string;
  /** Milliseconds of the epoch. */
  at: number;
  status: "firing" | "resolved";
  alerts: {
    status: "firing" | "resolved";
    labels: Record<string, string>;
    annotations: Record<string, string>;
  }[];
};

export type Webhook = {
  /** As a container finds it; any path below is taken, and /refused… is answered with 403. */
  url: string;
  calls: Call[];
  close(): void;
};

export async function startWebhook(): Promise<Webhook> {
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (bytes: Buffer) => {
      body += bytes.toString();
    });
    request.on("end", () => {
      const path = request.url ?? "";
      const refused = path.startsWith("/refused");
      if (!refused) calls.push({ ...(JSON.parse(body) as Omit<Call, "path" | "at">), path, at: Date.now() });
      response.writeHead(refused ? 403 : 200).end("no entry");
    });
  });
  await new Promise<void>((done) => server.listen(0, "0.0.0.0", done));
  const { stdout: gateway } = await execa("docker", [
    ...["network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"],
  ]);
  return {
    url: `http://${gateway.trim()}:${(server.address() as AddressInfo).port}`,
    calls,
    close: () => void server.close(),
  };
}
