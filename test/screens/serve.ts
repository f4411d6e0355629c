/** The page, the dashboards, Grafana's icons, and Prometheus behind them, on a port of its own. */
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { text } from "node:stream/consumers";
import { expressions } from "../../grafana/expressions.ts";
import { type Finished, isRow } from "../../grafana/library/finish.ts";
import { quietPanels } from "../../grafana/quiet.ts";
import type { DashboardStem } from "../../grafana/stems.ts";
import { explanation } from "../e2e/promql.ts";
import type { Served } from "./picture.ts";

const DASHBOARDS = join(import.meta.dirname, "../../grafana/dashboards");
const ICONS = join(import.meta.dirname, "node_modules/@grafana/ui/dist/public");
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

export type Server = { origin: string; close(): void };

/** @param bundle the folder that `bundle.ts` made */
export async function serve(bundle: string, prometheus: string): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: Error) =>
      response
        .writeHead(500)
        .end(JSON.stringify({ error: `${error.message}: ${error.cause ?? request.url}` })),
    );
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = normalize(new URL(request.url ?? "/", "http://page").pathname);
    if (path.startsWith("/api/")) {
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const said = await fetch(new URL(path, prometheus), {
        method: "POST",
        headers,
        body: await text(request),
      });
      response.writeHead(said.status, { "content-type": "application/json" }).end(await said.text());
    } else if (path.startsWith("/dashboards/")) {
      const served = await dashboard(path.replace("/dashboards/", "") as DashboardStem);
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(served));
    } else {
      const icon = path.startsWith("/public/build/");
      const file = icon
        ? join(ICONS, path.replace("/public/build/", ""))
        : join(bundle, path === "/" ? "index.html" : path);
      const bytes = await readFile(file);
      response
        .writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" })
        .end(bytes);
    }
  }
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, close: () => server.close() };
}

async function dashboard(stem: DashboardStem): Promise<Served> {
  const read = JSON.parse(await readFile(join(DASHBOARDS, `${stem}.json`), "utf8")) as Finished;
  const reasons: Record<string, string> = {};
  const asked = expressions(read);
  for (const panel of read.panels) {
    if (isRow(panel)) continue;
    const title = panel.title ?? "";
    const exprs = asked.filter((one) => one.panel === title).map(({ expr }) => expr);
    const needs = exprs.some((expr) => expr.includes("elasticsearch_")) ? "needs Elasticsearch" : undefined;
    const reason = needs ?? quietPanels[stem]?.[title] ?? exprs.map(explanation).find(Boolean);
    if (reason) reasons[panel.id] = reason;
  }
  return { dashboard: read, reasons };
}
