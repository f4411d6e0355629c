/** The application: its servers, and the other processes of the same image. */
import { GiB, MiB } from "../spec/words.ts";
import { checkApi } from "./api/check.ts";
import { frontendFile } from "./api/frontend.ts";
import { handOver } from "./api/hand-over.ts";
import {
  type Instance,
  instances,
  MIGRATE,
  migrationClaim,
  processes,
  scrapes,
  servers,
  spareServer,
  UPSTREAM,
  unscraped,
} from "./api/instances.ts";
import { Api } from "./api/options.ts";
import { apiServices } from "./api/services.ts";
import { tracingProvides } from "./api/tracing.ts";
import { type Claim, defineComponent } from "./component.ts";

export const api = defineComponent({
  name: "api",
  at: ["api"],
  options: Api,
  check: checkApi,

  claim(options, context): Claim[] {
    const claim = ({ service, memory, process }: Instance, weight: number): Claim => ({
      service,
      memory: { floor: memory, weight, ceiling: 2 * GiB },
      cpu: { weight: 1024 },
      pids: 128,
      demands: { "database connections": (process ?? options).pool.max },
    });
    return [
      ...servers(options).map((server) => claim(server, 3)),
      ...processes(options, context).map((process) => claim(process, 1)),
      ...(options.migrate ? [migrationClaim(options)] : []),
      {
        // As a server's own claim, so that it gets what a server gets.
        ...claim(spareServer(options), 3),
        reserve: "a new version starts on it, beside the old servers, before one of them stops",
      },
    ];
  },

  contribute(options, _grants, context) {
    const all = servers(options);
    const spare = spareServer(options);
    return {
      ...tracingProvides(context),
      application: {
        group: UPSTREAM,
        servers: all.map(({ service, port, metrics }) => ({ service, port, metrics })),
        spare: { service: spare.service, port: spare.port, metrics: spare.metrics },
        processes: processes(options, context).map(({ service }) => service),
        migrate: options.migrate ? MIGRATE : undefined,
        health: options.health,
        ready: options.ready ?? options.health,
        stop: Math.ceil(options.stop),
      },
      routes: [
        {
          path: "/",
          upstream: UPSTREAM,
          servers: [
            ...all.map(({ service, port }) => ({ service, port })),
            { service: spare.service, port: spare.port, spare: true },
          ],
          health: options.health,
        },
      ],
      scrapes: scrapes(options, context),
      dashboards: ["api"],
      rules: ["api"],
      logs: Object.fromEntries(
        instances(options, context).map(({ service }) => [service, "ecs-json" as const]),
      ),
      unscraped: unscraped(options, context),
      commands: Object.fromEntries(
        Object.entries(options.migrate ?? {}).map(([name, command]) => [`migrate ${name}`, command]),
      ),
    };
  },

  collect(options, grants, offers, context) {
    const handed = handOver(options, offers.provides);
    const heap = (service: string) => Math.floor((grants.service(service).memory * 0.75) / MiB);
    return {
      services: apiServices(options, handed, offers.ready, context, heap),
      secrets: handed.secrets,
      files: Object.keys(options.frontend).length > 0 ? [frontendFile(options.frontend)] : [],
      settings: [...servers(options), ...processes(options, context)].map(({ service }) => ({
        service,
        setting: "--max-old-space-size",
        value: `${heap(service)} MB`,
        because: "75% of its memory",
      })),
    };
  },
});
