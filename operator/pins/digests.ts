/** Digests of images, asked of the engine: it has the mirror, the proxy and the certificates of its machine. */
import type Docker from "dockerode";
import type { Pins } from "../../generator/spec/pins.ts";
import { within } from "../engine/find.ts";
import { isRefusal } from "../engine/registry.ts";

export type Digests = { pins: Pins; failures: readonly { image: string; why: string }[] };

/** Milliseconds an image's registry may take. */
const PATIENCE = 30_000;
/** Registries count requests; more at once would only be refused sooner. */
const AT_ONCE = 4;

/** Digests of all that could be resolved, sorted by image, and why the others could not. */
export async function resolveDigests(docker: Docker, images: Iterable<string>): Promise<Digests> {
  const queue = [...new Set(images)].sort();
  const found = new Map<string, string>();
  const failures: { image: string; why: string }[] = [];
  const work = async () => {
    for (let image = queue.shift(); image !== undefined; image = queue.shift()) {
      try {
        found.set(image, await digestOf(docker, image));
      } catch (error) {
        failures.push({ image, why: explain(error as EngineError) });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const byName = (a: string, b: string) => (a < b ? -1 : 1);
  return {
    pins: Object.fromEntries([...found].sort(([a], [b]) => byName(a, b))),
    failures: failures.sort((a, b) => byName(a.image, b.image)),
  };
}

/** The digest of the manifest list, so that one pin serves every architecture. */
async function digestOf(docker: Docker, image: string): Promise<string> {
  // https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Distribution
  const answer = (await within(PATIENCE, docker.getImage(image).distribution())) as {
    Descriptor?: { digest?: string };
  };
  const digest = answer.Descriptor?.digest ?? "";
  if (!/^sha256:[a-f0-9]{64}$/.test(digest))
    throw new Error(`the engine answered with no digest: ${digest || "nothing"}`);
  return digest;
}

type EngineError = Error & { statusCode?: number; code?: string; json?: { message?: string } };

function explain(error: EngineError): string {
  const { statusCode } = error;
  const said = (error.json?.message ?? error.message).replace(/\s+/g, " ").slice(0, 200);
  if (error.code === "ENOENT" || error.code === "ECONNREFUSED") return "no engine answers";
  if (statusCode === undefined) return said;
  if (!isRefusal({ statusCode, message: said })) return `its registry does not answer: ${said}`;
  if (statusCode === 401 || statusCode === 403)
    return `its registry does not know it, or wants a login: ${said}`;
  return statusCode === 404 ? `its registry has no such image: ${said}` : said;
}
