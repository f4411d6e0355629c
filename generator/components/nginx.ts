/** nginx: the only door. Balances over the servers of every route, meters them, and holds the limits of the edge. */
import { MiB } from "../spec/words.ts";
import {
  type Claim,
  type Context,
  type Contribution,
  copy,
  defineComponent,
  type Grant,
  type Image,
  mountFolder,
  mountVolume,
  type Page,
  type Service,
  template,
} from "./component.ts";
import {
  CERTIFICATES,
  CONTROL_PORT,
  capacity,
  confModel,
  controlModel,
  edgeModel,
  METRICS_PORT,
  PAGES,
  startModel,
  usesTls,
} from "./nginx/conf.ts";
import { LEAST_MEMORY, Nginx } from "./nginx/options.ts";
import { doorProbes } from "./nginx/probes.ts";

export { Nginx };

const NGINX = "nginx";
const CERTIFICATES_VOLUME = "certificates";
/** uid and gid of `nginx`. Source: nginx/docker-nginx, stable/debian/Dockerfile. */
const UID = 101;
const VERSION = "1.30.5";

const image: Image = {
  // Not the image as it is: a fresh volume belongs to root unless the image has a folder of uid 101 in its place.
  official: {
    name: NGINX,
    files: [template("Dockerfile", "nginx/Dockerfile.official.hbs", { version: VERSION })],
  },
  debian: { name: NGINX, files: [template("Dockerfile", "nginx/Dockerfile.debian.hbs", {})] },
};

export const nginx = defineComponent({
  name: "nginx",
  at: ["nginx"],
  options: Nginx,

  check(options, context) {
    if (!usesTls(context) || options.http !== options.https) return [];
    return [
      {
        path: ["https"],
        message: "nginx.http and nginx.https are the same port",
        remedy: "Give one of them another",
      },
    ];
  },

  claim(_options, context): Claim[] {
    return [
      {
        service: NGINX,
        memory: { floor: LEAST_MEMORY, weight: 1, ceiling: 512 * MiB },
        // Whatever else is busy, the door stays quick.
        cpu: { weight: 2048 },
        pids: 64,
        disk: {
          // Weights, and request bodies while they arrive.
          [NGINX]: { floor: 256 * MiB, weight: 0 },
          ...(usesTls(context) && { [CERTIFICATES_VOLUME]: { floor: 16 * MiB, weight: 0 } }),
        },
      },
    ];
  },

  contribute(options, grants, context): Contribution {
    const tls = usesTls(context);
    const { host_ip, http } = publishedBy(options, context);
    const { workers, connections } = capacity(grants.service(NGINX));
    return {
      services: {
        [NGINX]: door(options, grants.service(NGINX), context, []),
      },
      volumes: [NGINX, ...(tls ? [CERTIFICATES_VOLUME] : [])],
      files: [
        copy("nginx/plimsoll.js", "templates/nginx/plimsoll.js"),
        copy("nginx/inner.js", "templates/nginx/inner.js"),
        ...(tls ? [copy("nginx/certificate.js", "templates/nginx/certificate.js")] : []),
        template("nginx/start.sh", "nginx/start.sh.hbs", startModel(context), { restarts: [NGINX] }),
      ],
      hostNames: [...new Set([context.spec.domain, ...options.names])],
      scrapes: [{ job: NGINX, targets: [{ service: NGINX, port: METRICS_PORT }] }],
      probes: doorProbes(options, context),
      rules: ["edge"],
      dashboards: ["edge", "release"],
      logs: { [NGINX]: "nginx" },
      backups: [
        { what: NGINX, none: "The weights of the moment; the operator sets them again" },
        ...(tls ? [{ what: CERTIFICATES_VOLUME, volume: CERTIFICATES_VOLUME, group: UID }] : []),
      ],
      settings: [
        {
          service: NGINX,
          setting: "worker_processes",
          value: String(workers),
          because: "its share of the cores",
        },
        {
          service: NGINX,
          setting: "worker_connections",
          value: String(connections),
          because: "24 KiB each of its memory beyond 32 MB, shared among the workers",
        },
      ],
      doors: [
        {
          name: "API",
          url: tls
            ? `https://${context.spec.domain}`
            : `http://${host_ip === "0.0.0.0" ? "127.0.0.1" : host_ip}:${http}`,
        },
      ],
    };
  },

  collect(options, grants, offers, context) {
    const grant = grants.service(NGINX);
    const { pages } = offers;
    return {
      ...(pages.length > 0 && { services: { [NGINX]: door(options, grant, context, pages) } }),
      files: [
        template("nginx/edge.js", "nginx/edge.js.hbs", edgeModel(offers.routes)),
        template("nginx/control.js", "nginx/control.js.hbs", controlModel(offers.routes)),
        template(
          "nginx/nginx.conf",
          "nginx/nginx.conf.hbs",
          confModel(options, grant, offers.routes, pages, context),
        ),
      ],
    };
  },
});

function door(options: Nginx, grant: Grant, context: Context, pages: readonly Page[]): Service {
  const tls = usesTls(context);
  const { host_ip, http } = publishedBy(options, context);
  return {
    image,
    user: `${UID}:${UID}`,
    entrypoint: ["/bin/sh", "/etc/nginx/plimsoll/start.sh"],
    networks: ["edge", "app", "monitoring"],
    // Said outright, it keeps Docker from asking the world's name servers for a server that is away.
    dns_opt: ["ndots:1"],
    ports: [
      { name: "http", target: 8080, published: String(http), host_ip, protocol: "tcp" },
      ...(tls
        ? [
            {
              name: "https",
              target: 8443,
              published: String(options.https),
              host_ip,
              protocol: "tcp" as const,
            },
          ]
        : []),
    ],
    volumes: [
      mountFolder(NGINX, "/etc/nginx/plimsoll"),
      mountVolume(NGINX, "/var/lib/nginx"),
      ...(tls ? [mountVolume(CERTIFICATES_VOLUME, CERTIFICATES)] : []),
      ...[...new Set(pages.map(({ volume }) => volume))].map((volume) => ({
        ...mountVolume(volume, `${PAGES}/${volume}`),
        read_only: true,
      })),
    ],
    tmpfs: [
      `/tmp:size=8m,mode=0700,uid=${UID},gid=${UID}`,
      `/var/cache/nginx:size=8m,mode=0700,uid=${UID},gid=${UID}`,
    ],
    ulimits: { nofile: { soft: capacity(grant).files, hard: capacity(grant).files } },
    healthcheck: {
      test: ["CMD", "curl", "-fsS", "-o", "/dev/null", `http://127.0.0.1:${CONTROL_PORT}/nginx-health`],
    },
    stop_signal: "SIGQUIT",
    stop_grace_period: `${Math.ceil(options.timeouts.drain) + 5}s`,
  };
}

function publishedBy(options: Nginx, { environment }: Context) {
  return {
    host_ip: options.bind ?? (environment === "local" ? "127.0.0.1" : "0.0.0.0"),
    http: options.http ?? (environment === "local" ? 8080 : 80),
  };
}
