/** Restarts: servers one at a time through the edge, everything else plainly. */
import { readOwn } from "../../generator/package.ts";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { Problem } from "../problem.ts";
import { engineEnvironment } from "../up/project.ts";
import { atWork } from "./migrate.ts";
import { resolveServices } from "./names.ts";
import { containerOf, type Running } from "./running.ts";

export type Restart = {
  service: string;
  kind: "server" | "other" /** Why it is asked about first. */;
  costs?: string;
};

/** @param words services; none: the application, that is its servers and processes. @throws Problem (2) */
export function planRestart(plan: PlanJson, words: readonly string[]): Restart[] {
  const { application } = plan;
  const all = application
    ? [...application.servers.map(({ service }) => service), ...application.processes]
    : [];
  const services = words.length > 0 ? resolveServices(plan, words) : all;
  if (services.length === 0)
    throw new Problem("the stack has no application to restart", "Name a service.", 2);
  const jobs = services.filter(
    (service) => plan.services[service]?.one_shot || service === application?.spare.service,
  );
  if (jobs.length > 0) {
    throw new Problem(
      `${jobs.join(", ")} cannot be restarted: it runs only when it is due`,
      "Leave it out.",
      2,
    );
  }
  return services.map((service) => ({
    service,
    kind: application?.servers.some((server) => server.service === service) ? "server" : "other",
    costs: costsOf(plan, service),
  }));
}

function costsOf(plan: PlanJson, service: string): string | undefined {
  const component = plan.services[service]?.component;
  if (service === "nginx") return "every open connection is cut, and nobody is let in for a moment";
  if (component === "postgres") return "the database is away for seconds, and open transactions fail";
  if (service === "redis-sessions") return "sessions cannot be read for seconds";
  if (service === "redis-cache") return "the cache is empty afterwards";
  if (service === "elasticsearch")
    return "logs cannot be searched for a minute; they are kept until it is back";
  return undefined;
}

/** Seconds until a restarted service must be ready. */
const PATIENCE = 180;

/** @throws Problem where a deploy is at work, or one does not get ready: the rest is left as it is then */
export async function restart(
  running: Running,
  restarts: readonly Restart[],
  onLine: (line: string) => void,
): Promise<void> {
  const { site, project, containers } = running;
  const { application, deploy } = project.plan;
  const nginx = containers.find(({ service, state }) => service === "nginx" && state === "running");
  // All of them are looked up before the first is touched.
  const words = restarts.flatMap(({ service, kind }) => [kind, service, containerOf(running, service).id]);
  const outcome = await site.host.script(
    readOwn("operator/operate/restart.bash"),
    [
      site.state,
      project.name,
      project.folder,
      nginx?.id ?? "-",
      application?.group ?? "-",
      application?.spare.service ?? "-",
      application?.ready ?? "/",
      String(Math.ceil(deploy.drain)),
      String(Math.ceil(application?.stop ?? 30)),
      String(PATIENCE),
      ...words,
    ],
    { environment: engineEnvironment(project), onLine },
  );
  if (outcome.exitCode === 97) throw atWork(site.environment);
  if (outcome.exitCode === 0) return;
  const said = outcome.stderr.trim().split("\n").at(-1);
  throw new Problem(
    said || `the restart ended with exit code ${outcome.exitCode}`,
    `How things are: plimsoll ps ${site.environment}`,
  );
}
