/** What stands on the host as long as a restore drill: keeps others out, and takes the copy away however the drill ends. */
import { hold } from "../host/hold.ts";
import type { Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { whoami } from "../settings/who.ts";
import { engineEnvironment } from "../up/project.ts";
import { DRILLING, drilling, drillScript, THEIRS } from "./script.ts";

export type Guard = {
  /** Nothing is being restored any more. */
  made(): void;
  /** The copy that is there is not the drill's: it stays. */
  theirs(): void;
  /** The drill is over: its copy is gone when this comes back. */
  end(): Promise<void>;
};

/** @throws Problem where another drill is held, or somebody's copy is there */
export async function guardCopy({ site, project }: Running): Promise<Guard> {
  const args = [site.state, project.name, whoami()];
  const held = await hold(site.host, drillScript("guard"), args, {
    environment: engineEnvironment(project),
    refusal({ exitCode, stderr }) {
      if (exitCode === DRILLING) return drilling(site.environment);
      if (exitCode === THEIRS)
        return new Problem(
          "there is a copy already",
          `Look at it: plimsoll psql ${site.environment} --copy\nTake it away: plimsoll restore ${site.environment} --drop-copy`,
        );
      return new Problem(
        stderr.trim().split("\n").at(-1) || `the drill's guard ended with exit code ${exitCode}`,
      );
    },
  });
  return {
    made: () => held.tell("made"),
    theirs: () => held.tell("theirs"),
    end: async () => void (await held.end()),
  };
}
