/** The services of the Elastic stack, each with its hardening. None needs a capability; one needs to be root. */
import { mountFolder, mountVolume, type Service } from "../component.ts";
import { wgetProbe } from "../exporters/image.ts";
import { mountTextFiles } from "../exporters/text-files.ts";
import { SNAPSHOTS, SNAPSHOTS_PATH } from "./elasticsearch.ts";

/** All four at one version: Elastic supports no other mix. */
export const STACK_VERSION = "9.5.2";
const EXPORTER = "quay.io/prometheuscommunity/elasticsearch-exporter:v1.10.0";

/** uid 1000 in group 0, as in all of Elastic's images. Source: each repository's docker folder. */
export const USER = "1000:0";
const SCRIPTS = mountFolder("elk/scripts", "/etc/plimsoll/scripts");

function image(path: string) {
  const name = `docker.elastic.co/${path}:${STACK_VERSION}`;
  // There is no Debian package: with `images: debian` the component is absent.
  return { official: name, debian: name };
}
const elasticsearchImage = image("elasticsearch/elasticsearch");

/** A tmpfs that Elastic's user may write. */
function tmpfs(path: string, size: string, mode = "0700") {
  return `${path}:size=${size},mode=${mode},uid=1000,gid=0`;
}
/** The JVMs load native code from /tmp, so it is not noexec. */
const EXECUTABLE_TMP = "/tmp:exec,size=128m,mode=1777";
const TMP = "/tmp:size=64m,mode=1777";

export function script(name: string, ...words: string[]) {
  return ["/bin/bash", `/etc/plimsoll/scripts/${name}`, ...words];
}

const setUp = { "elastic-setup": { condition: "service_completed_successfully" } } as const;

export function elasticsearch(snapshots: boolean): Service {
  return {
    image: elasticsearchImage,
    user: USER,
    init: true,
    entrypoint: script("elasticsearch.sh"),
    command: [],
    environment: {
      ES_PATH_CONF: "/run/elasticsearch",
      // The launcher and the keystore tool stay beside the server: small ones.
      CLI_JAVA_OPTS: "-Xms4m -Xmx64m -XX:+UseSerialGC",
    },
    secrets: ["elastic_password"],
    volumes: [
      mountFolder("elk/elasticsearch", "/etc/plimsoll/elasticsearch"),
      SCRIPTS,
      mountVolume("elasticsearch-data", "/usr/share/elasticsearch/data"),
      ...(snapshots ? [mountVolume(SNAPSHOTS, SNAPSHOTS_PATH)] : []),
    ],
    tmpfs: [
      tmpfs("/run/elasticsearch", "16m"),
      tmpfs("/usr/share/elasticsearch/logs", "16m"),
      EXECUTABLE_TMP,
    ],
    networks: ["logging"],
    // No ulimits: the JVM raises its open files to the hard limit by itself, and a lower one than asked would refuse the start.
    healthcheck: {
      test: ["CMD", ...script("elasticsearch-healthy.sh")],
      // Three JVMs one after another: two for the keystore, then the server. On two busy cores that took 110 s.
      start_period: "300s",
      start_interval: "3s",
      interval: "30s",
      timeout: "10s",
    },
    stop_grace_period: "120s",
  };
}

export const setup: Service = {
  image: elasticsearchImage,
  user: USER,
  init: true,
  oneShot: true,
  entrypoint: script("setup.sh"),
  command: [],
  secrets: [
    "elastic_password",
    "elastic_kibana_password",
    "elastic_logstash_password",
    "elastic_keeper_password",
    "elastic_metrics_password",
    "elk_grafana_password",
    "kibana_login_password",
  ],
  volumes: [mountFolder("elk/setup", "/etc/plimsoll/elasticsearch"), SCRIPTS],
  tmpfs: [TMP],
  networks: ["logging"],
  depends_on: { elasticsearch: { condition: "service_healthy" } },
  stop_grace_period: "10s",
};

/**
 * @param figures whether node-exporter is there to hand on what it writes
 * @param others seconds for which snapshots of a cluster that was here before are kept; none are taken if absent
 */
export function keeper(logBytes: number, figures: boolean, others?: number): Service {
  return {
    image: elasticsearchImage,
    user: USER,
    init: true,
    entrypoint: script("keeper.sh"),
    command: [],
    environment: {
      LOG_BYTES: String(logBytes),
      ...(others !== undefined && { SNAPSHOT_EVERY: "3600", OTHERS_FOR: String(others) }),
    },
    // The second is for `plimsoll errors`, which reads logs from in here; the keeper's own user may not.
    secrets: ["elastic_keeper_password", "elk_grafana_password"],
    volumes: [
      mountFolder("elk/kibana-objects", "/etc/plimsoll/kibana-objects"),
      SCRIPTS,
      ...(figures ? [mountTextFiles()] : []),
    ],
    tmpfs: [TMP],
    networks: ["logging"],
    depends_on: setUp,
    healthcheck: { test: ["CMD", ...script("keeper.sh", "check")], interval: "60s" },
    stop_grace_period: "10s",
  };
}

export function logstash(heapMegabytes: number): Service {
  return {
    image: image("logstash/logstash"),
    user: USER,
    init: true,
    entrypoint: script("logstash.sh"),
    command: [],
    environment: {
      LS_JAVA_OPTS: `-Xms${heapMegabytes}m -Xmx${heapMegabytes}m -XX:-HeapDumpOnOutOfMemoryError`,
    },
    secrets: ["elastic_logstash_password"],
    volumes: [
      mountFolder("elk/logstash", "/etc/plimsoll/logstash"),
      SCRIPTS,
      mountVolume("logstash-data", "/usr/share/logstash/data"),
    ],
    tmpfs: [tmpfs("/usr/share/logstash/logs", "16m"), EXECUTABLE_TMP],
    networks: ["logging"],
    depends_on: setUp,
    healthcheck: {
      test: [
        "CMD",
        "curl",
        "--silent",
        "--fail",
        "--output",
        "/dev/null",
        "http://127.0.0.1:9600/_node/pipelines/main",
      ],
      start_period: "180s",
      start_interval: "3s",
      interval: "30s",
    },
    stop_grace_period: "60s",
  };
}

export function kibana(port: number, oldSpaceMegabytes: number): Service {
  return {
    image: image("kibana/kibana"),
    user: USER,
    init: true,
    entrypoint: script("kibana.sh"),
    command: [],
    environment: { NODE_OPTIONS: `--max-old-space-size=${oldSpaceMegabytes}` },
    secrets: ["elastic_kibana_password", "kibana_encryption_key", "kibana_security_key"],
    volumes: [mountFolder("elk/kibana", "/etc/plimsoll/kibana"), SCRIPTS],
    tmpfs: [
      tmpfs("/usr/share/kibana/data", "64m"),
      tmpfs("/usr/share/kibana/logs", "16m"),
      tmpfs("/usr/share/kibana/plugins", "16m"),
      TMP,
    ],
    networks: ["logging", "admin"],
    ports: [{ name: "kibana", target: 5601, published: String(port), host_ip: "127.0.0.1", protocol: "tcp" }],
    depends_on: setUp,
    healthcheck: {
      // Kibana sends to its login page once it has found Elasticsearch; before that it answers 503.
      test: ["CMD-SHELL", "curl --silent --head http://127.0.0.1:5601/ | grep --quiet 'HTTP/1.1 302'"],
      start_period: "240s",
      start_interval: "3s",
      interval: "30s",
    },
    stop_grace_period: "30s",
  };
}

export function filebeat(mount: NonNullable<Service["volumes"]>[number]): Service {
  return {
    image: image("beats/filebeat"),
    user: "0:0",
    command: ["-e", "--strict.perms=false", "-c", "/etc/plimsoll/filebeat/filebeat.yml"],
    volumes: [
      mountFolder("elk/filebeat", "/etc/plimsoll/filebeat"),
      mount,
      mountVolume("filebeat-data", "/usr/share/filebeat/data"),
    ],
    tmpfs: ["/usr/share/filebeat/logs:size=16m,mode=0700", TMP],
    networks: ["logging"],
    depends_on: { logstash: { condition: "service_healthy" } },
    healthcheck: { test: ["CMD", "/bin/bash", "-c", "</dev/tcp/127.0.0.1/5066"], interval: "30s" },
    stop_grace_period: "30s",
    exceptions: {
      user:
        "Docker's log folder belongs to root and admits nobody else. Root here has no capability at all: it reads " +
        "what it owns, writes its own volume, and the folder is mounted read-only.",
    },
  };
}

export function exporter(snapshots: boolean): Service {
  return {
    image: { official: EXPORTER, debian: EXPORTER },
    user: "65534:65534",
    command: [
      "--es.uri=http://elasticsearch:9200",
      "--es.indices",
      // Names of aliases would need a right more, and without it there are no figures of indices at all.
      "--no-es.aliases",
      ...(snapshots ? ["--collector.snapshots"] : []),
      "--log.level=warn",
    ],
    env_file: ["elastic_exporter_env"],
    networks: ["logging", "monitoring"],
    depends_on: setUp,
    healthcheck: wgetProbe(9114, "/"),
    stop_grace_period: "10s",
  };
}
