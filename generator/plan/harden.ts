/** What every service of every environment gets, whoever contributed it: limits, hardening, logging, labels. */
import type { Grant, Service } from "../components/component.ts";
import type { EnvironmentKind } from "../spec/core.ts";
import { MiB } from "../spec/words.ts";
import type { ComposeService } from "./compose.ts";

/** Docker writes compose's own labels beside each line of a json-file log, so that Filebeat knows whose it is. */
const LOG_LABELS = "com.docker.compose.project,com.docker.compose.service";

export function harden(
  name: string,
  service: Service,
  grant: Grant,
  environment: EnvironmentKind,
): Omit<ComposeService, "image" | "build"> {
  const {
    image: _,
    exceptions,
    oneShot,
    borrows: __,
    networks,
    secrets,
    env_file,
    healthcheck,
    ...own
  } = service;
  return {
    hostname: name,
    ...own,
    ...(env_file && {
      env_file: env_file.map((secret) => ({ path: secretPath(secret, environment), format: "raw" as const })),
    }),
    ...(secrets && {
      secrets: secrets.map((secret) => ({ source: secret, target: `/run/secrets/${secret}` })),
    }),
    // Without a word of networks Compose would put it into one of its own, which leads out.
    ...(networks.length === 0 && { network_mode: "none" as const }),
    networks: Object.fromEntries(networks.map((network) => [network, null])),
    // Compose's own default interval of 30 s would make every start wait that long for the first answer.
    ...(healthcheck && {
      healthcheck: {
        interval: "10s",
        timeout: "5s",
        retries: 6,
        start_period: "60s",
        start_interval: "1s",
        ...healthcheck,
      },
    }),
    restart: oneShot ? "no" : "unless-stopped",
    read_only: exceptions?.read_only === undefined,
    cap_drop: exceptions?.cap_drop === undefined ? ["ALL"] : [],
    security_opt: ["no-new-privileges:true"],
    mem_limit: `${grant.memory / MiB}m`,
    // Equal to the memory: no swap. A service that swaps is slower than one that is restarted.
    memswap_limit: `${grant.memory / MiB}m`,
    cpus: grant.cpus,
    cpu_shares: grant.cpuShares,
    pids_limit: grant.pids,
    logging: {
      driver: "json-file",
      options: { "max-size": "10m", "max-file": "3", labels: LOG_LABELS },
    },
    labels: {},
  };
}

/** Where a secret's file is, seen from the generated folder: beside `generated/`, so that no generate touches it. */
export function secretPath(secret: string, environment: EnvironmentKind): string {
  return `../../secrets/${environment}/${secret}`;
}
