/** What of the database waits for a person, for `ps`. */
import { nodesOf } from "../operate/database.ts";
import type { Running } from "../operate/running.ts";
import { engineEnvironment } from "../up/project.ts";
import { sizeOf } from "./list-text.ts";
import { databaseScript } from "./look.ts";

/** In sentences; nothing where the host does not say. */
export async function databaseNotes({ site, project }: Running): Promise<string[]> {
  const nodes = nodesOf(project.plan);
  if (nodes.length === 0) return [];
  const { exitCode, stdout } = await site.host.script(
    databaseScript("notes"),
    [site.state, project.name, ...nodes],
    { environment: engineEnvironment(project) },
  );
  return exitCode === 0 ? notesOf(stdout, site.environment) : [];
}

export function notesOf(text: string, environment: string): string[] {
  return text.split("\n").flatMap((line) => {
    const [key, first = "", ...rest] = line.split(" ");
    switch (key) {
      case "kept":
        return `${sizeOf(Number(first) || 0)} are kept for the undo of the restore in place of ${rest.join(" ")}: plimsoll restore ${environment} --undo, or --drop-undo`;
      case "restoring":
        return first === "swap"
          ? `a restore in place, or its undo, is at work or did not end: plimsoll restore ${environment} --in-place finishes it, --undo takes it back`
          : `a restore in place is at work or was cut short before it changed anything: plimsoll restore ${environment} --undo removes what is left of it`;
      case "unfinished":
        return `a promotion of ${rest[0]} is at work or did not end: plimsoll promote ${environment} finishes it`;
      case "alone":
        return `commits on ${first} wait for no replica, although postgres.synchronous asks for it: plimsoll rejoin ${environment}`;
      default:
        return [];
    }
  });
}
