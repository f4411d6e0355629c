/** A whole stack with its monitoring, a receiver for what it tells, and a little load: before something is done to it. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseDocument } from "yaml";
import { type RunningStack, type StackOptions, startStack } from "../e2e/engine.ts";
import { type Load, startLoad } from "./load.ts";
import { docker, idOf, type Site } from "./site.ts";
import { ownDisks } from "./volumes.ts";

export type Watched = { site: Site; load: Load; close(): Promise<void> };

/** @param receiver gets every page and warning @param megabytes of volumes that have a disk of their own */
export async function openWatched(
  name: string,
  overrides: StackOptions["overrides"],
  receiver: string,
  megabytes?: Readonly<Record<string, number>>,
): Promise<Watched> {
  const stack = await startStack({
    name,
    cold: true,
    timeout: 600,
    overrides: {
      logging: false,
      "nginx.rate": false,
      "backup.verify": "0 0 1 1 *",
      // A third of the time for what waits a part of it; all else is as for any stack.
      "objectives.rpo": "20m",
      ...overrides,
    },
  });
  const site: Site = { stack, disks: undefined, leader: "postgres-1", replica: "postgres-2" };
  let load: Load | undefined;
  const close = async () => {
    await load?.stop();
    await stack.stop();
    await site.disks?.close();
  };
  try {
    if (megabytes) site.disks = await ownDisks(stack, megabytes);
    await receiveAt(stack, receiver);
    await stack.start();
    // local tells nobody, and so its Alertmanager has no way out.
    await docker(site, "network", "connect", "bridge", await idOf(site, "alertmanager"));
    load = startLoad(stack.ports.nginx as number, stack.plan.domain, 10);
    // A counter that was never seen at zero does not rise.
    await sleep(90_000);
    return { site, load, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Production's receivers take their addresses from secrets, and local has none: this is one for both severities. */
async function receiveAt(stack: RunningStack, url: string): Promise<void> {
  const file = join(stack.folder, "alertmanager/alertmanager.yaml");
  const document = parseDocument(await readFile(file, "utf8"));
  const names = (document.toJS() as { receivers: { name: string }[] }).receivers.map(({ name }) => name);
  for (const severity of ["page", "warn"])
    document.setIn(
      ["receivers", names.indexOf(severity), "webhook_configs"],
      document.createNode([{ url, send_resolved: true }]),
    );
  await writeFile(file, document.toString());
}
