/**
 * The part of the Compose specification that plimsoll writes, with the specification's own keys.
 * Source: https://github.com/compose-spec/compose-spec/blob/main/schema/compose-spec.json
 */
export type ComposeHealthcheck = {
  test: readonly string[];
  interval?: string;
  timeout?: string;
  retries?: number;
  start_period?: string;
  start_interval?: string;
};

export type ComposeMount =
  | {
      type: "bind";
      source: string;
      target: string;
      read_only?: boolean;
      bind?: { create_host_path?: boolean };
    }
  | { type: "volume"; source: string; target: string; read_only?: boolean };

export type ComposePort = {
  name?: string;
  target: number;
  published: string;
  host_ip?: string;
  protocol?: "tcp" | "udp";
};

export type ComposeBuild = {
  context: string;
  dockerfile?: string;
  target?: string;
  args?: Record<string, string>;
  secrets?: readonly string[];
};

export type ComposeDependency = {
  condition: "service_started" | "service_healthy" | "service_completed_successfully";
  required?: boolean;
  restart?: boolean;
};

export type ComposeService = {
  image: string;
  build?: ComposeBuild;
  platform?: string;
  hostname?: string;
  user: string;
  group_add?: readonly string[];
  command?: string | readonly string[];
  entrypoint?: string | readonly string[];
  working_dir?: string;
  environment?: Record<string, string>;
  env_file?: readonly { path: string; format: "raw"; required?: boolean }[];
  secrets?: readonly { source: string; target: string }[];
  volumes?: readonly ComposeMount[];
  tmpfs?: readonly string[];
  ports?: readonly ComposePort[];
  networks: Record<string, { aliases?: readonly string[] } | null>;
  network_mode?: "none";
  depends_on?: Record<string, ComposeDependency>;
  healthcheck?: ComposeHealthcheck;
  restart: string;
  init?: boolean;
  stop_signal?: string;
  stop_grace_period: string;
  read_only: boolean;
  cap_drop: readonly string[];
  cap_add?: readonly string[];
  security_opt: readonly string[];
  mem_limit: string;
  memswap_limit: string;
  mem_reservation?: string;
  cpus: number;
  cpu_shares: number;
  pids_limit: number;
  shm_size?: string;
  ulimits?: Record<string, number | { soft: number; hard: number }>;
  sysctls?: Record<string, string>;
  extra_hosts?: readonly string[];
  dns_opt?: readonly string[];
  pid?: "host";
  logging: { driver: "json-file"; options: Record<string, string> };
  labels: Record<string, string>;
  profiles?: readonly string[];
};

export type ComposeFile = {
  name: string;
  services: Record<string, ComposeService>;
  networks: Record<string, { internal?: boolean; driver?: string }>;
  volumes: Record<string, { labels?: Record<string, string> } | null>;
  secrets: Record<string, { file: string }>;
};
