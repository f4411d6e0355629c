/** Pictures of the dashboards by Chromium, one PNG each. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { type DashboardStem, dashboardStems } from "../../grafana/stems.ts";
import { bundle } from "./bundle.ts";
import type { Picture } from "./picture.ts";
import { serve } from "./serve.ts";

export type Taking = {
  /** Of Prometheus. */
  prometheus: string;
  /** Gets `<stem>.png`. */
  folder: string;
  /** How far back the panels look; each dashboard's own if absent. */
  range?: string | undefined;
  stems?: readonly DashboardStem[];
  /** How often Prometheus asks: what the data source's settings tell Grafana. */
  scrape?: string;
  width?: number;
};

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export async function takePictures(taking: Taking): Promise<Map<DashboardStem, Picture>> {
  const pages = await mkdtemp(join(tmpdir(), "screens-"));
  const pictures = new Map<DashboardStem, Picture>();
  let browser: Browser | undefined;
  try {
    await bundle(pages);
    await mkdir(taking.folder, { recursive: true });
    const server = await serve(pages, taking.prometheus);
    try {
      browser = await chromium.launch({
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        args: FLAGS,
      });
      for (const stem of taking.stems ?? dashboardStems)
        pictures.set(stem, await takePicture(browser, server.origin, stem, taking));
    } finally {
      await browser?.close();
      server.close();
    }
  } finally {
    await rm(pages, { recursive: true, force: true });
  }
  return pictures;
}

async function takePicture(
  browser: Browser,
  origin: string,
  stem: DashboardStem,
  { folder, range, scrape = "15s", width = 1400 }: Taking,
): Promise<Picture> {
  // As tall as no dashboard: Grafana's tables draw only what is in view.
  const page = await browser.newPage({ viewport: { width, height: 2600 }, timezoneId: "UTC" });
  try {
    const said: string[] = [];
    page.on("pageerror", (error) => said.push(error.message));
    await page.goto(`${origin}/?${new URLSearchParams({ stem, scrape, ...(range && { range }) })}`);
    const handle = await page
      .waitForFunction("window.picture", undefined, { timeout: 120_000 })
      .catch((error: Error) => {
        throw new Error(`${stem}: ${error.message}\n${said.join("\n")}`);
      });
    const picture = (await handle.jsonValue()) as Picture;
    if (picture.error) throw new Error(`${stem}: ${picture.error}`);
    await page.locator("#root").screenshot({ path: join(folder, `${stem}.png`) });
    return picture;
  } finally {
    await page.close();
  }
}
