// Load on the edge from where it is told to run: kept-alive connections, GETs and POSTs in turns, every 25th slow.
//   node nginx-load.mjs URL CONNECTIONS PAUSE-MS [HOST]     ends with a line of JSON when its standard input does
import { Agent, request } from "node:http";

const [url, connections, pause, host = "api.example.com"] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
const counts = { sent: 0, servers: {}, failures: {}, slowest: 0 };
let going = true;

const fail = (kind) => {
  counts.failures[kind] = (counts.failures[kind] ?? 0) + 1;
};

/** One request; what comes back must be the answer to just this one. */
function one(index) {
  const slow = index % 25 === 0;
  const post = index % 2 === 0;
  const body = post ? "x".repeat(1 + (index % 5000)) : "";
  const path = slow ? "/sleep?ms=1500" : "/";
  const started = Date.now();
  counts.sent++;
  return new Promise((resolve) => {
    const headers = { host, ...(post && { "content-length": body.length }) };
    const sent = request(`${url}${path}`, { method: post ? "POST" : "GET", headers, agent }, (answer) => {
      let text = "";
      answer.on("data", (chunk) => {
        text += chunk;
      });
      answer.on("error", (error) => resolve(fail(error.code ?? "cut")));
      answer.on("end", () => {
        counts.slowest = Math.max(counts.slowest, Date.now() - started);
        if (Date.now() - started > 3000)
          console.error(
            new Date(started).toISOString(),
            Date.now() - started,
            path,
            sent.reusedSocket,
            answer.headers["x-server"],
          );
        const server = answer.headers["x-server"];
        const right = slow
          ? text === "{}"
          : post
            ? text.includes(`"bytes":${body.length}}`)
            : text.includes(server);
        if (answer.statusCode !== 200) fail(answer.statusCode);
        else if (!right || !server) fail("wrong");
        else counts.servers[server] = (counts.servers[server] ?? 0) + 1;
        resolve();
      });
    });
    sent.on("error", (error) => resolve(fail(error.code ?? error.message)));
    sent.end(body);
  });
}

let next = 1;
const lanes = Array.from({ length: Number(connections) }, async () => {
  while (going) {
    await one(next++);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 2 * Number(pause)));
  }
});
process.stdin.on("end", () => {
  going = false;
});
process.stdin.resume();
console.log("going");
await Promise.all(lanes);
console.log(JSON.stringify(counts));
process.exit(0);
