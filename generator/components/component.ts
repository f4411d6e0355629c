/**
 * The contract of a component: what the budget asks of it, what it adds to the stack, what it offers to others.
 *
 * Four phases. Every component *claims*; the budget *grants*; every component *contributes* from its grants; then the
 * collectors *collect*: each reads what all offered and extends only its own services. Everything here is pure.
 */
import type { z } from "zod";
import type { ComposeService } from "../plan/compose.ts";
import type { Core, EnvironmentKind } from "../spec/core.ts";
import type { Machine } from "../spec/machine.ts";

/** What every phase may read beside the component's own options. */
export type Context = {
  spec: Core;
  /** The environment being planned: decides TLS, ports, and who makes secrets. */
  environment: EnvironmentKind;
  machine: Machine;
  images: "official" | "debian";
  /** Set by a deploy: the version that the application is told, and the tag of its image where it is built. */
  release?: Release;
  /** Texts of the files beside stack.yaml that it names, by their path there. */
  beside: Readonly<Record<string, string>>;
  /** Names of the components that are part of this stack. */
  present: ReadonlySet<string>;
  /** Sum of what all components demand of a kind, known once all have claimed: `demand("database connections")`. */
  demand(kind: string): number;
  /** Names of the services that are to run all the time, known then too: no job that ends, and no spare. */
  services: readonly string[];
};

/** What is known before all have claimed. */
export type Early = Omit<Context, "demand" | "services">;

export type Release = { version: string; tag?: string };

/** A share of memory or disk, in bytes: never below the floor; what is left over goes out by weight up to the ceiling. */
export type Part = { floor: number; weight: number; ceiling?: number };

export type Claim = {
  /** The service that claims, or what is held in reserve (`the daily restore test`). */
  service: string;
  /** Set where no service runs with it all the time: why it is kept free. */
  reserve?: string;
  /** A job: it runs at a start and ends. */
  ends?: true;
  memory: Part;
  /** `weight`: share under contention (cpu_shares, 1024 is normal). `cap`: cores, never above what the machine has. */
  cpu: { weight: number; cap?: number };
  pids: number;
  /** Disk by volume name. What Docker cannot enforce, inner settings must (max_wal_size, retention.size). */
  disk?: Record<string, Part>;
  /** Counted by kind for others: `{ "database connections": 20 }`. */
  demands?: Record<string, number>;
};

export type Grant = {
  /** Bytes. */
  memory: number;
  /** Cores. */
  cpus: number;
  cpuShares: number;
  pids: number;
};

export type Grants = {
  /** Throws for a service that claimed nothing: a mistake of the component. */
  service(name: string): Grant;
  /** Bytes. */
  volume(name: string): number;
};

/** A secret's value in a text: plain, percent-encoded for a URL, or its SHA-256 in hex (Redis ACLs). */
export type SecretRef = {
  secret: string;
  as?: "plain" | "url" | "sha256";
  /** Where a line of an env file is made of it: a value of more lines is refused, since there is no way to write it. */
  oneLine?: true;
};

/** A text that may hold secrets. With a SecretRef in it, it only ever becomes a secret file. */
export type Text = string | readonly (string | SecretRef)[];

export type Secret =
  /** Made once, never rewritten: so many characters of [A-Za-z0-9], or hex digits. */
  | { name: string; random: number; alphabet?: "alphanumeric" | "hex" }
  /** A person supplies it (API keys). Empty in `local`. */
  | { name: string; supplied: string }
  /** Follows from others; written anew by each generate. */
  | { name: string; text: Text };

export type FileContent =
  | { text: string }
  | { yaml: unknown; comment?: string }
  | { json: unknown }
  /** A Handlebars template under templates/, rendered strict and unescaped. */
  | { template: string; data: object }
  /** A file or folder of the package (prometheus/rules/redis.rules.yaml), copied as it is. */
  | { copy: string };

export type File = {
  /** Within the generated folder: `nginx/nginx.conf`. Mount its folder, not the file: files are replaced by rename. */
  path: string;
  content: FileContent;
  executable?: boolean;
  /** Services that must be restarted when it changes: they carry its hash as a label. A reload takes in all others. */
  restarts?: readonly string[];
};

/** An image built from a generated folder: `images/<name>/`. Its tag is the hash of the folder. */
export type Build = { name: string; files: readonly Omit<File, "restarts">[] };

/** What runs: the project's own image, and its equal from Debian packages; or the user's own build folder for both. */
export type Image =
  | { official: string | Build; debian: string | Build }
  | { context: string; dockerfile?: string; image: string };

/** Columns of the hardening table that a service may be excepted from, with the reason. */
export type HardeningColumn = "user" | "read_only" | "cap_drop" | "healthcheck" | "restart";

type Owned =
  | "image"
  | "build"
  | "restart"
  | "read_only"
  | "cap_drop"
  | "security_opt"
  | "mem_limit"
  | "memswap_limit"
  | "cpus"
  | "cpu_shares"
  | "pids_limit"
  | "logging"
  | "secrets"
  | "env_file"
  | "networks"
  | "network_mode"
  | "hostname"
  | "labels";

export type Network = "edge" | "app" | "data" | "monitoring" | "logging" | "admin" | "egress";

/** A service with the keys of the Compose specification; hardening, limits and logging are added by the plan. */
export type Service = Omit<ComposeService, Owned> & {
  image: Image;
  /** None: it speaks to nobody. */
  networks: readonly Network[];
  /** Secrets mounted under /run/secrets/<name>. */
  secrets?: readonly string[];
  /** Secrets that are env files (lines of NAME=value). */
  env_file?: readonly string[];
  /** Reserves that it works with, now and then: their memory and processes are added to its limits. */
  borrows?: readonly string[];
  /** Never restarted: a job that ends. */
  oneShot?: true;
  /** Why a column of the hardening table is not kept. */
  exceptions?: Partial<Record<HardeningColumn, string>>;
};

/** Requests under `path` go to these servers. */
export type Route = {
  path: string;
  /** Names the group: `api`. */
  upstream: string;
  /** A spare stands by for deploys: no turns until it is given a weight, and it may not be running at all. */
  servers: readonly { service: string; port: number; spare?: boolean }[];
  health: string;
};

/** One file of a volume, at exactly this path of the door. */
export type Page = {
  path: string;
  volume: string;
  /** Within the volume. */
  file: string;
  type: "text/html" | "application/json";
  /** The template that is its only style, in its head as it stands there: a browser takes no other. */
  style?: string;
};

export type Scrape = {
  job: string;
  targets: readonly { service: string; port: number; labels?: Record<string, string> }[];
  path?: string;
  params?: Record<string, readonly string[]>;
  /** Seconds. */
  interval?: number;
};

/** Something to be asked by the blackbox exporter. Its name is the `instance` of what comes of it. */
export type Probe = {
  name: string;
  /** `public` and `redirect`: by an address of the world's, and so with a way out. */
  module: "tcp_connect" | "inside" | "public" | "redirect";
  target: string;
};

export function isOutside({ module }: Probe): boolean {
  return module === "public" || module === "redirect";
}

export type LogParser =
  | "ecs-json"
  | "nginx"
  | "postgres"
  | "redis"
  | "haproxy"
  | "logfmt"
  | "supercronic"
  | "elastic"
  | "plain";

export type Backup =
  /**
   * Files of a volume, taken by the sidecar for everything that is not PostgreSQL. It runs as uid 999 in group 0 and
   * must be able to read them. SQLite databases are copied consistently; `note` says what else to know about a copy.
   */
  | {
      what: string;
      volume: string;
      note?: string /** Whose members may read it, where not 0. */;
      group?: number;
      /**
       * The volume is itself a repository of snapshots, out of which a service brings back what is missing: by this
       * command there, and not by a change of the volume under it. A copy counts only where no file came or went
       * meanwhile, and few are kept, since each has its own past.
       */
      broughtBy?: { service: string; command: readonly string[] };
      /** uid:gid that the volume needs, where the image of no service that uses it says so. */
      owner?: string;
    }
  /** A PostgreSQL cluster: physical backups and the WAL archive. Each node has a volume of its own name. */
  | {
      what: string;
      cluster: {
        image: Image;
        /** Mounts of tmpfs over what the image declares as its volume. */
        covers: readonly string[];
        nodes: readonly string[];
        dataDirectory: string;
        /** A secret's name. */
        password: string;
        /** The application's database, and the role that owns it. */
        database: string;
        owner: string;
        /** What is held in reserve for a copy that is tried out: the claim, and its volume. */
        trial: { reserve: string; volume: string };
      };
    }
  | { what: string; none: string };

/** A setting that followed from the grant or the spec, for `budget` and `explain`. */
export type Setting = { service: string; setting: string; value: string; because: string };

/**
 * What static alert rules compare with, or read: becomes a recording rule of that name. A constant; or an expression of
 * this stack's own, which is evaluated every few minutes.
 */
export type Threshold = { record: string; labels?: Record<string, string>; because: string } & (
  | { value: number; expr?: undefined }
  | { expr: string; value?: undefined }
);

/** The application as a deploy sees it: what is rolled server by server, and how it is asked whether it is well. */
export type Application = {
  /** Of nginx. */
  group: string;
  servers: readonly ApplicationServer[];
  /** Runs during a deploy alone. */
  spare: ApplicationServer;
  processes: readonly string[];
  migrate?: string;
  health: string;
  ready: string;
  /** Seconds a server may take to end. */
  stop: number;
};

export type ApplicationServer = { service: string; port: number; metrics?: number };

export type Offers = {
  application?: Application;
  /** Environment of the application, by name: DATABASE_URL, REDIS_URL. */
  provides: Record<string, Text>;
  /** Services that must be healthy before the application starts: what stands behind what is provided. */
  ready: readonly string[];
  routes: readonly Route[];
  /** Files of a volume that the door serves as they are. */
  pages: readonly Page[];
  /** Host names that the door answers to: what its certificate must be for. The first is the stack's own. */
  hostNames: readonly string[];
  /** Its certificate is from an authority that clients need not know. */
  unknownAuthority?: true;
  scrapes: readonly Scrape[];
  /** Services that expose no metrics, and why. */
  unscraped: Readonly<Record<string, string>>;
  probes: readonly Probe[];
  /** Stems of prometheus/rules/<stem>.rules.yaml. */
  rules: readonly string[];
  thresholds: readonly Threshold[];
  /** Stems of grafana/dashboards/<stem>.json. */
  dashboards: readonly string[];
  /** Parser of each service's log. */
  logs: Readonly<Record<string, LogParser>>;
  backups: readonly Backup[];
  settings: readonly Setting[];
  /** Commands of the application that the operator runs in a release's image: `migrate up`. */
  commands: Readonly<Record<string, string | readonly string[]>>;
  /** Admin pages and doors, for what `up` prints: name, address on the host, and the secret with the password. */
  doors: readonly { name: string; url: string; user?: string; password?: string }[];
};

export type Contribution = Partial<Offers> & {
  /** Whether public addresses are asked; a URL: it alone. */
  asksOutside?: boolean | string;
  services?: Record<string, Service>;
  files?: readonly File[];
  /** Volumes by name; each must have been claimed as disk. */
  volumes?: readonly string[];
  secrets?: readonly Secret[];
};

/** What a collector may add: to its own services only. */
export type Collected = Pick<Contribution, "files" | "secrets" | "settings" | "doors" | "services">;

/** `path` is within the component's own part; `..` leads out of it. */
export type OptionFault = { path: readonly (string | number)[]; message: string; remedy?: string };

export type Component<Options = unknown> = {
  name: string;
  /** Where its part of stack.yaml lives: ["postgres"], ["monitoring", "grafana"]. */
  at: readonly string[];
  options: z.ZodType<Options>;
  /** True where `false` in stack.yaml leaves it out. */
  optional?: boolean;
  /** Why it cannot be part of this stack (no Debian package); undefined where it can. */
  absent?(context: Omit<Early, "present">): string | undefined;
  /** What no schema can say: faults across words, each at its path within the component's own part. */
  check?(options: Options, context: Early): readonly OptionFault[];
  claim(options: Options, context: Early): readonly Claim[];
  contribute(options: Options, grants: Grants, context: Context): Contribution;
  collect?(options: Options, grants: Grants, offers: Offers, context: Context): Collected;
};

/** Keeps the options' type between the schema and the phases; in lists every component is a `Component`. */
export function defineComponent<Schema extends z.ZodType>(
  component: Omit<Component<z.output<Schema>>, "options"> & { options: Schema },
): Component {
  return component as unknown as Component;
}

/** A generated file rendered from templates/<template>. */
export function template(path: string, source: string, data: object, more: Partial<File> = {}): File {
  return { path, content: { template: source, data }, ...more };
}

/** A file of the package, copied into the generated folder as it is. */
export function copy(path: string, source: string, more: Partial<File> = {}): File {
  return { path, content: { copy: source }, ...more };
}

/** A read-only bind mount of a generated folder. */
export function mountFolder(folder: string, target: string) {
  return {
    type: "bind",
    source: `./${folder}`,
    target,
    read_only: true,
    bind: { create_host_path: false },
  } as const;
}

/** A named volume. */
export function mountVolume(source: string, target: string) {
  return { type: "volume", source, target } as const;
}

/** True for an image that exists only as Debian packages when `images: debian` is chosen. */
export function isDebian(context: Pick<Context, "images">): boolean {
  return context.images === "debian";
}
