/** The image that `images: debian` builds on: pulled where a registry answers, otherwise made with debootstrap. */
import type { Host } from "../host/host.ts";
import { bootstrap, lastLine } from "./bootstrap.ts";
import type { Engine } from "./find.ts";
import { BASE_IMAGE, hasImage, registryAnswers } from "./registry.ts";

type Say = (line: string) => void;

export type BaseOptions = { mirror?: string; signal?: AbortSignal };

/** Safe to run again. @throws Problem where it can neither be pulled nor made here; its remedy says how to bring it. */
export async function ensureBase(
  engine: Engine,
  host: Host,
  say: Say,
  options: BaseOptions = {},
): Promise<void> {
  if (await hasImage(engine.docker, BASE_IMAGE)) return;
  if (await registryAnswers(engine.docker)) {
    say(`Pulling ${BASE_IMAGE}`);
    const pulled = await host.run("docker", ["pull", "--quiet", BASE_IMAGE], {
      timeout: 300_000,
      signal: options.signal,
    });
    if (pulled.exitCode === 0) return;
    say(`  it cannot be pulled: ${lastLine(pulled)}`);
  }
  await bootstrap(engine, host, say, options);
}
