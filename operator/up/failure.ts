/** What a person needs to see of a stack that did not come up. */
import { Problem } from "../problem.ts";
import { compose, type Project } from "./project.ts";
import type { Failure, Watched } from "./watch.ts";

const LINES = 20;

/** Service by service: why, the end of its log, and what its probe said. */
export async function explainFailure(
  project: Project,
  { failures, said }: Extract<Watched, { kind: "failed" }>,
  takeDown: string,
): Promise<Problem> {
  // What stands behind the others comes first; those that only wait for it say nothing new.
  const telling = failures.filter(({ container }) => container && container.status !== "created");
  const shown = telling.length > 0 ? telling : failures;
  const parts = await Promise.all(shown.slice(0, 4).map((one) => part(project, one)));
  const headline =
    failures.length > 0
      ? "the stack did not come up"
      : `Compose could not start it\n${lastLines(said ?? "", 6)}`;
  return new Problem(
    [headline, ...parts].join("\n\n"),
    [
      "Everything else is left running, to be looked at.",
      `Its log: docker compose -p ${project.name} logs ${shown[0]?.service ?? ""}`.trimEnd(),
      `Take it down: ${takeDown}`,
    ].join("\n"),
  );
}

async function part(project: Project, { service, why, container }: Failure): Promise<string> {
  const log = container
    ? await compose(project, ["logs", "--no-color", "--no-log-prefix", "--tail", String(LINES), service], {
        timeout: 20_000,
      })
    : undefined;
  const probe = container?.probe?.trim();
  return [
    `${service} ${why}`,
    indent(lastLines(`${log?.stdout ?? ""}`, LINES) || "(its log is empty)"),
    probe ? `its health check says:\n${indent(lastLines(probe, 5))}` : "",
  ]
    .filter(Boolean)
    .join("\n");
}

function lastLines(text: string, count: number): string {
  return text.trim().split("\n").slice(-count).join("\n");
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}
