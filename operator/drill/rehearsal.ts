/** The host of a disaster drill: taken for as long as it is held, and emptied however it ends. */
import { hold } from "../host/hold.ts";
import type { Host } from "../host/host.ts";
import { Problem } from "../problem.ts";
import { requireDone } from "../settings/place.ts";
import { whoami } from "../settings/who.ts";
import { remoteFolders, type Site } from "../site/site.ts";
import { DRILLING, drillScript } from "./script.ts";

/** Of occupy.bash: what is there was kept by a drill; and: it is no drill's. */
const KEPT = 95;
const STRANGE = 94;

export type Rehearsal = {
  /** What is there stays when the drill ends. */
  keep(): void;
  /** The drill is over. Everything of it is gone when this comes back, unless it is kept. @throws Problem */
  end(): Promise<void>;
};

/**
 * Takes away what a drill left that was cut short, and holds the host.
 * @throws Problem where another drill is held or kept there, or anything of the stack is there
 */
export async function occupy(site: Site, id: string, say: (line: string) => void): Promise<Rehearsal> {
  let kept = "";
  const held = await hold(
    site.host,
    drillScript("occupy", "rehearsal"),
    [site.root, site.project, id, whoami()],
    {
      onLine(line) {
        if (line.startsWith("kept ")) kept = line.slice("kept ".length);
        if (line.startsWith("left "))
          say(`${site.host.name} holds what ${markText(line.slice("left ".length))} left: it is taken away`);
      },
      refusal: ({ exitCode, stderr }) =>
        refusal(site, exitCode, stderr.trim().split("\n").at(-1) ?? "", kept),
    },
  );
  return {
    keep: () => held.tell("keep"),
    async end() {
      const { exitCode, stderr } = await held.end();
      if (exitCode === 0) return;
      throw new Problem(
        `${site.host.name} could not be emptied: ${stderr.trim().split("\n").at(-1) || `exit code ${exitCode}`}`,
        `Once more: ${dropCommand(site)}`,
      );
    },
  };
}

export function dropCommand({
  environment,
  host,
}: Pick<Site, "environment"> & { host: Pick<Host, "name"> }): string {
  return `plimsoll drill ${environment} disaster --host ${host.name} --drop`;
}

function refusal(site: Site, exitCode: number, said: string, kept: string): Problem {
  const { host } = site;
  if (exitCode === DRILLING)
    return new Problem(
      `another disaster drill is held on ${host.name}: this one was not begun`,
      "Wait for it, or take another host.",
    );
  if (exitCode === KEPT)
    return new Problem(
      `${host.name} holds ${markText(kept)}, which was kept to be looked at`,
      `Take it away: ${dropCommand(site)}`,
    );
  if (exitCode === STRANGE)
    return new Problem(
      `${host.name} is not empty (${said}): nothing was begun, and nothing is taken away`,
      "A drill is held on a host that has nothing of this stack: a new droplet, paid by the hour. plimsoll droplet create",
    );
  return new Problem(`${host.name} cannot hold a drill: ${said || `exit code ${exitCode}`}`);
}

/** `20261128T200000Z-disaster 1795881600 ana@laptop held` in words. */
function markText(mark: string): string {
  const [id, since, by] = mark.split(" ");
  const at = new Date(Number(since) * 1000).toISOString().replace(".000", "");
  return `the drill ${id}, begun by ${by} at ${at}`;
}

/** Takes away what drills kept or left on a host. @returns their marks in words. @throws Problem where one is held */
export async function vacate(host: Host): Promise<string[]> {
  // The folder of all stacks.
  const above = remoteFolders("x", "production").root.replace(/\/x$/, "");
  const outcome = await host.script(drillScript("vacate", "rehearsal"), [above], { apart: true });
  if (outcome.exitCode === DRILLING)
    throw new Problem(
      `a disaster drill is held on ${host.name}: nothing was taken away`,
      "It empties the host itself when it ends.",
    );
  const said = requireDone({ host }, outcome, "taking the drill away").stdout;
  return [...said.matchAll(/^gone (\S+) (.*)$/gm)].map(
    ([, project, mark]) => `${project}: ${markText(mark ?? "")}`,
  );
}
