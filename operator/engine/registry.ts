/** Whether image registries answer: asked of the engine, which may have a mirror or a proxy that we know nothing of. */
import type Docker from "dockerode";
import { within } from "./find.ts";

/** Small, official, and what Debian images are built from: the first thing anyone would pull. */
export const BASE_IMAGE = "debian:forky-slim";

/** Milliseconds: a registry that is there answers in under two seconds. */
const PATIENCE = 8_000;

/** Asks for a manifest without pulling anything. A registry that refuses (rate limit, 404) answers all the same. */
export async function registryAnswers(docker: Docker, image = BASE_IMAGE): Promise<boolean> {
  try {
    await within(PATIENCE, docker.getImage(image).distribution());
    return true;
  } catch (error) {
    return isRefusal(error as { statusCode?: number; message?: string });
  }
}

/** The engine passes a registry's own status on; a network fault is always its 500. */
export function isRefusal({ statusCode, message = "" }: { statusCode?: number; message?: string }): boolean {
  if (statusCode === undefined) return false;
  if (
    /no such host|timeout|timed out|refused|unreachable|certificate|tls:|EOF|proxyconnect|reset by peer|deadline/i.test(
      message,
    )
  ) {
    return false;
  }
  return (
    statusCode === 404 ||
    statusCode === 401 ||
    statusCode === 403 ||
    statusCode === 429 ||
    /toomanyrequests/i.test(message)
  );
}

export async function hasImage(docker: Docker, name: string): Promise<boolean> {
  return docker
    .getImage(name)
    .inspect()
    .then(
      () => true,
      () => false,
    );
}
