/** The Compose file. The only place where `$` is escaped: Compose would read it as a variable. */
import type { ComposeBuild, ComposeFile, ComposeService } from "../plan/compose.ts";
import { secretPath } from "../plan/harden.ts";
import { buildOf, type Plan, type PlannedService } from "../plan/plan.ts";
import type { Pins } from "../spec/pins.ts";
import type { Rendered } from "./files.ts";
import { hashFiles } from "./hash.ts";

/** Label that changes with the files a service must be restarted for: Compose's own hash ignores their content. */
export const CONFIG_LABEL = "plimsoll.config";

/**
 * Build secret with further certificate authorities, for builds behind a proxy that opens TLS. Node's own variable
 * names the file; the one variable that this Compose file takes from the environment.
 */
const EXTRA_CA = { secret: "extra_ca", file: "$" + "{NODE_EXTRA_CA_CERTS:-/dev/null}" };

const INTERNAL = new Set(["app", "data", "monitoring", "logging"]);

export type ImageHashes = ReadonlyMap<string, string>;

export function composeFile(
  plan: Plan,
  files: readonly Rendered[],
  hashes: ImageHashes,
  stackFolder: string,
  pins: Pins,
): ComposeFile {
  const services = Object.fromEntries(
    Object.entries(plan.services).map(([name, service]) => [
      name,
      composeService(name, service, plan, files, hashes, stackFolder, pins),
    ]),
  );
  const networks = new Set(Object.values(services).flatMap((service) => Object.keys(service.networks ?? {})));
  const mounted = new Set(
    Object.values(services).flatMap((service) => (service.secrets ?? []).map((secret) => secret.source)),
  );
  const builds = Object.values(services).some((service) => service.build?.secrets);
  return {
    name: plan.project,
    services,
    networks: Object.fromEntries(
      [...networks].sort().map((name) => [name, INTERNAL.has(name) ? { internal: true } : {}]),
    ),
    volumes: Object.fromEntries(plan.volumes.map((name) => [name, null])),
    secrets: {
      ...Object.fromEntries(
        [...mounted].sort().map((name) => [name, { file: secretPath(name, plan.environment) }]),
      ),
      ...(builds && { [EXTRA_CA.secret]: { file: EXTRA_CA.file } }),
    },
  };
}

function composeService(
  name: string,
  { image, compose }: PlannedService,
  plan: Plan,
  files: readonly Rendered[],
  hashes: ImageHashes,
  stackFolder: string,
  pins: Pins,
): ComposeService {
  const restarting = files.filter((file) => file.restarts.includes(name));
  const labels: Record<string, string> =
    restarting.length > 0 ? { [CONFIG_LABEL]: hashFiles(restarting).slice(0, 16) } : {};
  const own = escapeDollars({ ...compose, labels: { ...compose.labels, ...labels } });
  const service = { ...imageOf(image, plan, hashes, stackFolder, pins), ...own };
  return Object.fromEntries(Object.entries(service).filter(([, value]) => !isEmpty(value))) as ComposeService;
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0)
  );
}

function imageOf(
  image: PlannedService["image"],
  plan: Plan,
  hashes: ImageHashes,
  stackFolder: string,
  pins: Pins,
): { image: string; build?: ComposeBuild } {
  if ("context" in image) {
    const { context, dockerfile, image: tag } = image;
    const folder = context === "." ? stackFolder : `${stackFolder}/${context}`;
    return { image: tag, build: { context: folder, dockerfile, secrets: [EXTRA_CA.secret] } };
  }
  const build = buildOf(image, plan.images);
  if (build === undefined) {
    const tag = image[plan.images] as string;
    const digest = pins[tag];
    return { image: digest ? `${tag}@${digest}` : tag };
  }
  // The tag is the hash of the build folder: a changed Dockerfile is a missing image, and `up` builds it.
  const tag = `plimsoll/${build.name}:${plan.images}-${hashes.get(build.name)?.slice(0, 12)}`;
  return { image: tag, build: { context: `./images/${build.name}` } };
}

/** `$` becomes `$$` in every value (never in keys: Compose does not read variables there). */
export function escapeDollars<Value>(value: Value): Value {
  if (typeof value === "string") return value.replaceAll("$", "$$$$") as Value;
  if (Array.isArray(value)) return value.map(escapeDollars) as Value;
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, escapeDollars(inner)]),
    ) as Value;
  }
  return value;
}
