/** plan.json: versioned, what the operator reads of a release and never has to compute again. No secret's value. */
import type { Plan } from "../plan/plan.ts";

export function planJson(plan: Plan) {
  return {
    version: plan.version,
    name: plan.name,
    domain: plan.domain,
    environment: plan.environment,
    project: plan.project,
    images: plan.images,
    machine: plan.budget.machine,
    components: plan.components,
    absent: plan.absent,
    // Those of a profile run when they are asked for: they are no part of what must be up.
    services: Object.fromEntries(
      Object.entries(plan.services)
        .filter(([, { compose }]) => !compose.profiles)
        .map(([name, service]) => [
          name,
          {
            component: service.component,
            one_shot: service.oneShot,
            borrows: service.borrows,
            healthcheck: service.compose.healthcheck !== undefined,
            log: plan.offers.logs[name],
            ports: (service.compose.ports ?? []).map((port) => ({
              host_ip: port.host_ip,
              published: Number(port.published),
              target: port.target,
            })),
            exceptions: service.exceptions,
          },
        ]),
    ),
    budget: {
      memory: plan.budget.memory,
      disk: plan.budget.disk,
      lines: plan.budget.lines.map(({ component: _, ...line }) => line),
    },
    application: plan.offers.application,
    objectives: plan.words.objectives,
    deploy: plan.words.deploy,
    rollback: plan.words.rollback,
    canary: plan.words.canary,
    commands: plan.offers.commands,
    routes: plan.offers.routes,
    scrapes: plan.offers.scrapes,
    unscraped: plan.offers.unscraped,
    backups: plan.offers.backups,
    doors: plan.offers.doors,
    settings: plan.offers.settings,
    secrets: plan.secrets.map((secret) => ({
      name: secret.name,
      component: secret.component,
      kind: "random" in secret ? "random" : "supplied" in secret ? "supplied" : "text",
    })),
  };
}

export type PlanJson = ReturnType<typeof planJson>;
