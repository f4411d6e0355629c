/** What stands on the host as long as a restore drill: keeps others out, and takes the copy away however the drill ends. */
import { PassThrough } from "node:stream";
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
  const input = new PassThrough();
  let open: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    open = resolve;
  });
  const ended = site.host.script(drillScript("guard"), [site.state, project.name, whoami()], {
    environment: engineEnvironment(project),
    input,
    // A Ctrl-C is for us: it ends when its input does.
    apart: true,
    onLine: (line) => line === "ready" && open(),
  });
  const refused = ended.then(({ exitCode, stderr }) => {
    if (exitCode === DRILLING) throw drilling(site.environment);
    if (exitCode === THEIRS)
      throw new Problem(
        "there is a copy already",
        `Look at it: plimsoll psql ${site.environment} --copy\nTake it away: plimsoll restore ${site.environment} --drop-copy`,
      );
    throw new Problem(
      stderr.trim().split("\n").at(-1) || `the drill's guard ended with exit code ${exitCode}`,
    );
  });
  refused.catch(() => undefined);
  await Promise.race([ready, refused]).catch((error) => {
    input.end();
    throw error;
  });
  return {
    made: () => void input.write("made\n"),
    theirs: () => void input.write("theirs\n"),
    async end() {
      input.end();
      await ended;
    },
  };
}
