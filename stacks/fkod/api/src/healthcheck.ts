import { get } from "node:http";

/**
 * For containers without curl: `node dist/healthcheck.js [health|ready|side]`; exits 0 or 1.
 * `side` asks the metrics port, where the worker and the clock answer.
 */
const kind = process.argv[2] ?? "health";
const port = Number(process.env.PORT || 5000);
const side = Number(process.env.METRICS_PORT || port + 1000);
const address = kind === "side" ? `http://127.0.0.1:${side}/health` : `http://127.0.0.1:${port}/${kind}`;

// Not fetch(): it refuses port 6000, which was X11's.
const request = get(address, { timeout: 2_500, agent: false }, (answer) => {
  console.log(`${answer.statusCode} ${address}`);
  answer.pipe(process.stdout);
  process.exitCode = answer.statusCode === 200 ? 0 : 1;
});
request.on("timeout", () => request.destroy(new Error("no answer within 2.5 s")));
request.on("error", (error) => {
  console.log(`${address}: ${error.message}`);
  process.exitCode = 1;
});
