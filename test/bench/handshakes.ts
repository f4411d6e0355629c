/**
 * What it costs nginx to ask at each handshake which certificate is in use (templates/nginx/certificate.js), beside the
 * same nginx with a fixed folder: CPU of one full handshake. `npx tsx test/bench/handshakes.ts`
 */
import { connect } from "node:tls";
import { execa } from "execa";
import { startEdge } from "../e2e/nginx-edge.ts";

const HANDSHAKES = 6000;
const LANES = 4;
const LINK = /^ *js_import certificate .*\n *js_set \$plimsoll_live .*\n/m;

const fixed = (conf: string) => {
  if (!LINK.test(conf)) throw new Error("nginx.conf has no such lines");
  return conf.replace(LINK, "  geo $plimsoll_live { default live; }\n");
};

function shake(host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { host, port: 8443, servername: "api.example.com", rejectUnauthorized: false };
    const socket = connect(options, () => {
      socket.destroy();
      resolve();
    });
    socket.on("error", reject);
  });
}

/** Hundredths of a second that nginx and its workers have used. */
async function ticks(container: string): Promise<number> {
  const { stdout } = await execa("docker", ["exec", container, "sh", "-c", "cat /proc/[0-9]*/stat"]);
  return stdout
    .split("\n")
    .filter((line) => line.includes("(nginx)"))
    .map((line) => line.split(" "))
    .reduce((sum, fields) => sum + Number(fields[13]) + Number(fields[14]), 0);
}

for (const [name, change] of [
  ["a fixed folder", fixed],
  ["the link", undefined],
  ["a fixed folder", fixed],
  ["the link", undefined],
] as const) {
  const edge = await startEdge({
    name: "handshakes",
    environment: "production",
    servers: 1,
    cpus: 1,
    options: { rate: false, connections: 65_535 },
    ...(change && { change }),
  });
  try {
    for (let i = 0; i < 300; i++) await shake(edge.host);
    const before = await ticks(edge.door);
    const lane = async () => {
      for (let i = 0; i < HANDSHAKES / LANES; i++) await shake(edge.host);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    const each = (((await ticks(edge.door)) - before) * 10_000) / HANDSHAKES;
    console.log(`${name}: ${each.toFixed(0)} µs of nginx's CPU a handshake`);
  } finally {
    await edge.stop();
  }
}
