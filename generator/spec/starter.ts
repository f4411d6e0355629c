/** A first stack.yaml from a few answers: it validates, and it generates. */
import { stringify } from "yaml";
import { droplets } from "./machine.ts";
import { GiB } from "./words.ts";

export type Answers = {
  name: string;
  domain: string;
  /** A droplet's slug. */
  machine: string;
  /** One of the two. */
  image?: string;
  build?: string;
  port: number;
  /** The command of a worker, if there is one. */
  worker?: string;
};

/** Below this Elasticsearch, Logstash and Kibana have no room beside the rest. Bytes. */
const ELASTIC_FROM = 8 * GiB;

export function starter(answers: Answers, schema: string): string {
  const { name, domain, machine, image, build, port, worker } = answers;
  const memory = droplets.find(({ slug }) => slug === machine)?.memory ?? 0;
  const origin = build === undefined ? { image } : { build };
  const [key, value] = Object.entries(origin)[0] as [string, string];
  const lines = [
    `# yaml-language-server: $schema=${schema}`,
    "# Every word: docs/stack.md. What it makes of the machine: plimsoll budget. What changed: plimsoll diff.",
    `name: ${scalar(name)}`,
    `domain: ${scalar(domain)}`,
    `machine: ${scalar(machine)}`,
    "",
    "api:",
    `  ${key}: ${scalar(value)}`,
    "  servers: 2",
    `  port: ${port}  # of the first server, handed over as PORT; the second has the next one`,
    "  health: /health  # answers 200 while a server lives",
    "  # ready: /ready  # answers 200 when it can take requests, if that is something else",
    "  # environment:",
    "  #   LOG_LEVEL: info",
    "  # secrets:",
    "  #   SESSION_SECRET: generate  # made once, random",
    "  #   MAIL_API_KEY: supply  # a person gives it",
    "  # migrate: { up: npm run migrate }  # runs once before a new version takes traffic",
    "",
    ...(worker === undefined
      ? [
          "# processes:  # workers and clocks: other processes of the same image",
          "#   worker: { command: node dist/worker.js }",
        ]
      : ["processes:", `  worker: { command: ${flow(worker)} }`]),
    "",
    ...(memory < ELASTIC_FROM
      ? ["logging: false  # Elasticsearch, Logstash and Kibana need a machine of 8 GB and more"]
      : ["# logging: false  # leaves Elasticsearch, Logstash and Kibana out: some 3 GB"]),
    "",
    "backup:",
    "  # Production wants its backups off its machine, or to hear that they may be lost with it:",
    `  # repository: { s3: { endpoint: fra1.digitaloceanspaces.com, region: fra1, bucket: ${scalar(`${name}-backups`)} } }`,
    "  # recipient: age1...  # plimsoll dr key makes one: it opens the bucket once the machine is gone",
    "  lost_with_machine: accepted  # remove it when a bucket is named",
    "",
    "# environments:  # what an environment has of its own, over all of the above",
    "#   staging:",
    `#     domain: ${scalar(`staging.${domain}`)}`,
    "",
  ];
  return lines.join("\n");
}

function scalar(text: string): string {
  return stringify(text, { lineWidth: 0 }).trimEnd();
}

/** Inside braces more characters mean something: quoted wherever one of them appears. */
function flow(text: string): string {
  return /^[\w./ -]+$/.test(text) ? scalar(text) : JSON.stringify(text);
}
