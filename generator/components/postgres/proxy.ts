/**
 * The proxy: one name for the writer and the readers, whichever nodes they are.
 * Facts about the official image: docker-library/haproxy, 3.2/Dockerfile.
 */
import { MiB } from "../../spec/words.ts";
import {
  type Claim,
  copy,
  type File,
  type Image,
  mountFolder,
  mountVolume,
  type Service,
  template,
} from "../component.ts";
import { nodeNames, type Postgres, PRIMARY } from "./options.ts";
import { RESERVED_CONNECTIONS, type Settings } from "./settings.ts";

export const PROXY = "postgres";
export const WRITER_PORT = 5432;
export const READERS_PORT = 5433;
export const METRICS_PORT = 8405;
const FOLDER = "postgres-proxy";
const POINTER = "postgres-pointer";
/** uid and gid of `haproxy`, its home, and where its configuration lies. */
const UID = 99;
const HOME = "/var/lib/haproxy";
const CONFIG = "/usr/local/etc/haproxy";

const image: Image = {
  official: "haproxy:3.2.25-trixie",
  debian: {
    name: "postgres-proxy",
    files: [template("Dockerfile", "postgres/proxy/Dockerfile.debian.hbs", {})],
  },
};

export const proxyClaim: Claim = {
  service: PROXY,
  memory: { floor: 48 * MiB, weight: 0.2, ceiling: 128 * MiB },
  cpu: { weight: 1024 },
  pids: 64,
  disk: { [POINTER]: { floor: 64 * MiB, weight: 0, ceiling: 64 * MiB } },
};

export const proxyVolumes = [POINTER];

/** The door for a follower on another host. */
type Stream = { port: number; address: string };
const STREAM_PORT = 6432;

export function proxyService(options: Postgres, stream: Stream | undefined): Service {
  return {
    image,
    user: `${UID}:${UID}`,
    init: true,
    entrypoint: ["/bin/bash", `${CONFIG}/start.sh`],
    environment: { PLIMSOLL_NODES: nodeNames(options).join(" "), PLIMSOLL_FIRST: PRIMARY },
    volumes: [mountFolder(FOLDER, CONFIG), mountVolume(POINTER, HOME)],
    tmpfs: ["/tmp:size=4m,mode=1777"],
    // Docker publishes nothing of a service that is on internal networks alone.
    networks: ["data", "monitoring", ...(stream ? (["edge"] as const) : [])],
    ...(stream && {
      ports: [
        {
          name: "follower",
          target: STREAM_PORT,
          published: String(stream.port),
          host_ip: "0.0.0.0",
          protocol: "tcp",
        },
      ],
    }),
    // Waits for nobody: it finds the nodes when they come, and says when the writer is there.
    healthcheck: { test: ["CMD", "/bin/bash", `${CONFIG}/healthy.sh`] },
    // Lets running transactions end; see hard-stop-after.
    stop_signal: "SIGUSR1",
    stop_grace_period: "30s",
  };
}

export function proxyFiles(options: Postgres, settings: Settings, stream: Stream | undefined): File[] {
  const nodes = nodeNames(options);
  const restarts = { restarts: [PROXY] };
  const serverMax = settings.maxConnections - RESERVED_CONNECTIONS;
  const script = (name: string) =>
    copy(`${FOLDER}/${name}`, `templates/postgres/proxy/${name}`, { executable: true });
  return [
    template(
      `${FOLDER}/haproxy.cfg`,
      "postgres/proxy/haproxy.cfg.hbs",
      {
        first: PRIMARY,
        nodes: nodes.map((name) => ({ name, others: nodes.filter((other) => other !== name) })),
        server_maxconn: serverMax,
        stream: stream?.address ?? false,
        stream_port: STREAM_PORT,
        maxconn: 4 * serverMax + 100,
      },
      restarts,
    ),
    { ...script("start.sh"), ...restarts },
    script("healthy.sh"),
    script("pointer.sh"),
  ];
}
