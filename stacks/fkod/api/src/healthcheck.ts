/**
 * For containers without curl: `node dist/healthcheck.js [health|ready|side]`; exits 0 or 1.
 * `side` asks the metrics port, where the worker and the clock answer.
 */
const kind = process.argv[2] ?? "health";
const port = Number(process.env["PORT"] || 5000);
const side = Number(process.env["METRICS_PORT"] || port + 1000);
const address = kind === "side" ? `http://127.0.0.1:${side}/health` : `http://127.0.0.1:${port}/${kind}`;

try {
  const answer = await fetch(address, { signal: AbortSignal.timeout(2_500) });
  console.log(`${answer.status} ${await answer.text()}`);
  process.exitCode = answer.ok ? 0 : 1;
} catch (error) {
  console.log(`${address}: ${(error as Error).message}`);
  process.exitCode = 1;
}

export {};
