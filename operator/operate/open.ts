/** Admin pages of a host, on this machine: they listen at 127.0.0.1 there and nowhere else. */
import type { Tunnel } from "../host/host.ts";
import { Problem } from "../problem.ts";
import type { Site } from "../site/site.ts";
import { unknown } from "./names.ts";
import type { Running } from "./running.ts";

export type Page = {
  name: string;
  url: string;
  user?: string /** Name of the secret with the password. */;
  password?: string;
  tunnel?: Tunnel;
};

/** Pages that listen at the host's own 127.0.0.1. */
export function adminPages({ project }: Pick<Running, "project">) {
  return project.plan.doors.flatMap((door) => {
    const match = /^http:\/\/127\.0\.0\.1:(\d+)(\/.*)?$/.exec(door.url);
    // The API's own door is for everybody.
    return match && door.name !== "API" ? [{ ...door, port: Number(match[1]), path: match[2] ?? "/" }] : [];
  });
}

/** @throws Problem where there is no such page, or what it belongs to does not run */
export async function openPage(running: Running, site: Site, word: string): Promise<Page> {
  const pages = adminPages(running);
  const page = pages.find(({ name }) => name.toLowerCase() === word.toLowerCase());
  if (!page && pages.length === 0)
    throw new Problem("this stack has no admin pages", "monitoring in stack.yaml adds them.", 2);
  if (!page)
    throw unknown(
      "admin page",
      word,
      pages.map(({ name }) => name.toLowerCase()),
    );
  const { name, user, password } = page;
  if (site.host.kind === "local") return { name, url: page.url, user, password };
  const tunnel = await site.host.tunnel(page.port, await freePortNear(page.port));
  return { name, url: `http://127.0.0.1:${tunnel.port}${page.path}`, user, password, tunnel };
}

/** The same number as on the host where it is free: bookmarks and cookies stay. */
async function freePortNear(port: number): Promise<number | undefined> {
  const { createServer } = await import("node:net");
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(port)));
  });
}
