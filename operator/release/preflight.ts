/** What is asked of a host before anything is sent to it: from one look, so that it costs nothing. */
import { REFERENCE_RECIPIENT } from "../../generator/components/backup/recipient.ts";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import {
  COMPOSE_MINIMUM,
  ENGINE_MINIMUM,
  formatVersion,
  isAtLeast,
  parseVersion,
} from "../engine/version.ts";
import { initCommand, parametersOfStack } from "../machine/of-stack.ts";
import { Problem } from "../problem.ts";
import { requireUnlocked } from "../settings/lock.ts";
import type { Site } from "../site/site.ts";
import type { Look } from "./look.ts";

const MiB = 1024 ** 2;

/** A clock that is off by more makes certificates, tokens and the history wrong. Seconds. */
const CLOCK = 30;

/** Bytes that a deploy wants free: more where images are to be made or pulled. */
const ROOM = { quiet: 512 * MiB, images: 2048 * MiB };

/** @throws Problem with every fault at once */
export function requireReady(
  site: Site,
  look: Look,
  plan: PlanJson,
  images: readonly string[],
  coming: ReadonlyMap<string, string> = new Map(),
): void {
  requireUnlocked(look.lock, site.environment);
  requireNoDrill(site, look);
  requireNotFollowing(site, look);
  requireOwnRecipient(site, plan);
  const faults = [...engineFaults(look), ...machineFaults(look, plan), ...roomFaults(site, look, images)];
  const skew = look.now - Date.now() / 1000;
  if (Math.abs(skew) > CLOCK + look.seconds) {
    faults.push(
      `its clock is ${Math.abs(Math.round(skew))} s ${skew > 0 ? "ahead of" : "behind"} this machine's`,
    );
  }
  if (faults.length === 0) {
    requireSupplied(site, look, plan, coming);
    return;
  }
  throw new Problem(
    `${site.host.name} is not ready; nothing was changed\n${faults.map((fault) => `- ${fault}`).join("\n")}`,
    site.host.kind === "local"
      ? "An engine: sudo npx plimsoll engine install. Room: docker system df"
      : `Make it ready (safe to run again): ${initCommand(site.host.name, parametersOfStack(site.host.name, plan.services))}`,
  );
}

/** @throws Problem where a disaster drill is held, or was kept to be looked at: that is no site, and nothing goes on from it */
export function requireNoDrill({ host, environment }: Site, { drill }: Pick<Look, "drill">): void {
  if (drill === undefined) return;
  throw new Problem(
    `${host.name} holds a disaster drill: nothing was changed`,
    `Take it away first: plimsoll drill ${environment} disaster --host ${host.name} --drop`,
  );
}

/** Whoever may go on over a copy that is kept warm says so with `follows: false`. @throws Problem */
function requireNotFollowing({ host, environment }: Site, { follows }: Pick<Look, "follows">): void {
  if (!follows) return;
  throw new Problem(
    `${host.name} follows the site that writes, a copy of its database kept warm: nothing was changed`,
    `To serve from it: plimsoll dr activate ${environment}. To give the copy up first: plimsoll dr drop ${environment}`,
  );
}

/** @throws Problem where what opens production's backups would be kept for a key that nobody has */
function requireOwnRecipient({ environment }: Site, { settings }: PlanJson): void {
  if (environment !== "production") return;
  if (!settings.some(({ setting, value }) => setting === "recipient" && value === REFERENCE_RECIPIENT))
    return;
  throw new Problem(
    `backup.recipient is the example's (${REFERENCE_RECIPIENT.slice(0, 12)}…), whose private key nobody has: with the host gone, nobody could open the backups; nothing was changed`,
    "Make a pair, keep its private key away from the host, and write the public one into stack.yaml: plimsoll dr key",
    2,
  );
}

/** @throws Problem that names every secret that a person has to supply and did not; on a laptop they may be empty */
function requireSupplied(site: Site, look: Look, plan: PlanJson, coming: ReadonlyMap<string, string>): void {
  if (site.environment === "local") return;
  const missing = plan.secrets.filter(
    ({ name, kind }) => kind === "supplied" && !look.secrets.has(name) && !coming.has(name),
  );
  if (missing.length === 0) return;
  throw new Problem(
    `${missing.length === 1 ? "a secret was" : `${missing.length} secrets were`} not supplied yet; nothing was changed`,
    missing.map(({ name }) => `plimsoll secrets ${site.environment} set ${name}`).join("\n"),
    2,
  );
}

function engineFaults({ docker, closed, user }: Look): string[] {
  const faults = closed ? [`${user} may not write ${closed}`] : [];
  if (docker.kind === "none") return [...faults, "it has no Docker"];
  if (docker.kind === "silent")
    return [...faults, `its Docker engine does not answer ${user}: ${docker.why}`];
  const [engine, compose] = [parseVersion(docker.version), parseVersion(docker.compose)];
  if (engine && !isAtLeast(engine, ENGINE_MINIMUM)) {
    faults.push(`its Docker is ${docker.version}; ${formatVersion(ENGINE_MINIMUM)} or newer is needed`);
  }
  if (!compose || !isAtLeast(compose, COMPOSE_MINIMUM)) {
    const has = docker.compose === "none" ? "it has no Compose" : `its Compose is ${docker.compose}`;
    faults.push(`${has}; ${formatVersion(COMPOSE_MINIMUM)} or newer is needed`);
  }
  return faults;
}

function machineFaults(look: Look, { machine, budget }: PlanJson): string[] {
  if (look.docker.kind !== "ready") return [];
  const faults: string[] = [];
  const cores = Math.max(...budget.lines.map(({ cpus }) => cpus));
  if (look.cores < cores)
    faults.push(`it has ${look.cores} CPUs, and ${machine.slug} of the plan has ${cores}`);
  // What the kernel keeps for itself is missing in what it says.
  if (look.memory < 0.93 * machine.memory && !("spared" in machine && machine.spared)) {
    faults.push(
      `it has ${Math.round(look.memory / MiB)} MB of memory, and ${machine.slug} of the plan has ${Math.round(machine.memory / MiB)} MB`,
    );
  }
  return faults;
}

function roomFaults(site: Site, look: Look, images: readonly string[]): string[] {
  const missing = images.some((image) => !look.images.has(image));
  const wanted = missing ? ROOM.images : ROOM.quiet;
  const faults: string[] = [];
  const short = (free: number, where: string) =>
    `${Math.round(free / MiB)} MB are free ${where}, and about ${Math.round(wanted / MiB)} MB are needed`;
  if (look.free !== undefined && look.free < wanted)
    faults.push(short(look.free, "where Docker keeps its images"));
  if (!look.closed && look.stateFree < ROOM.quiet) faults.push(short(look.stateFree, `in ${site.state}`));
  return faults;
}
