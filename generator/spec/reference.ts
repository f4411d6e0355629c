/** docs/stack.md: every word of stack.yaml, made from the schema that checks it. */
import { environmentNames } from "./core.ts";
import { kindOf, objectOf, wordsBelow } from "./reference-words.ts";
import type { JsonSchema } from "./schema.ts";

export type Examples = { shortest: string; whole: string };

/** Parts that stand at the top, in the order a reader meets them; all others follow as the schema has them. */
const FIRST = ["api", "processes"];
const LAST = ["objectives", "rollback", "canary"];

export function reference(schema: JsonSchema, examples: Examples): string {
  const { environments, ...words } = schema.properties as Record<string, JsonSchema>;
  const required = new Set((schema.required ?? []) as string[]);
  const isPart = (node: JsonSchema) => objectOf(node)?.properties !== undefined || isRecord(node);
  const parts = Object.keys(words).filter((key) => isPart(words[key] as JsonSchema) && key !== "machine");
  const middle = parts.filter((key) => !FIRST.includes(key) && !LAST.includes(key));
  const ordered = [...FIRST, ...middle, ...LAST].filter((key) => parts.includes(key));
  const single = Object.fromEntries(Object.entries(words).filter(([key]) => !parts.includes(key)));
  return [
    INTRO.replace("SHORTEST", fence(examples.shortest)).replace("WHOLE", fence(examples.whole)),
    "\n## The stack\n",
    table(wordsBelow({ properties: single, required: [...required] }, "")),
    ...ordered.map((key) => section(key, words[key] as JsonSchema, required.has(key))),
    environmentsSection(environments as JsonSchema),
    OUTRO,
  ].join("\n");
}

function section(key: string, node: JsonSchema, required: boolean): string {
  const optional = kindOf(node).startsWith("false or");
  const notes = [
    typeof node.description === "string" && node.description !== "" ? `${sentence(node.description)}` : "",
    optional && !/false leaves/.test(String(node.description)) ? `\`${key}: false\` leaves it out.` : "",
    required ? "Required." : "",
  ].filter(Boolean);
  const inner = isRecord(node)
    ? { properties: { NAME: (node.additionalProperties ?? {}) as JsonSchema } }
    : node;
  return `\n## ${key}\n\n${notes.join(" ")}\n\n${table(wordsBelow(inner, `${key}.`))}`;
}

function environmentsSection(node: JsonSchema): string {
  return `
## environments

${sentence(String(node.description))} Environments are ${environmentNames.map((name) => `\`${name}\``).join(", ")}. All words may stand there but \`name\`. Maps merge key by key; lists and single values are replaced.

\`\`\`yaml
environments:
  local:
    processes: null        # none of the processes that the others have
  staging:
    machine: s-2vcpu-4gb
    api: { servers: 1 }    # everything else of api stays
\`\`\`
`;
}

function isRecord(node: JsonSchema): boolean {
  return typeof node.additionalProperties === "object" && node.properties === undefined;
}

function table(rows: readonly (readonly string[])[]): string {
  const head = ["| word | what it may be | default | what it says |", "| --- | --- | --- | --- |"];
  return `${[...head, ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n")}`;
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function fence(yaml: string): string {
  return `\`\`\`yaml\n${yaml}\`\`\``;
}

const INTRO = `<!-- Made by \`npm run docs\` from the schema: change the words' descriptions, not this file. -->
# The words of stack.yaml

One file says what the stack is; everything else follows from it. \`plimsoll init\` writes a first one, \`plimsoll validate\` checks it, \`plimsoll explain SERVICE\` tells which word a setting came from. Editors complete and check it with [stack.schema.json](stack.schema.json), which the first line of a file names:

\`\`\`yaml
# yaml-language-server: $schema=../../docs/stack.schema.json
\`\`\`

The shortest file has six lines. It gives three servers behind nginx, PostgreSQL with a replica, two Redis, backups, monitoring and logs:

SHORTEST

A longer one, of an application with an image of its own:

WHOLE

## How words are written

| kind | written as | note |
| --- | --- | --- |
| size | \`512MB\`, \`1.5GB\`, \`1GiB\` | powers of 1024 in either spelling, as PostgreSQL, Docker and the JVM read them |
| duration | \`500ms\`, \`30s\`, \`10m\`, \`1h\`, \`30d\`, \`2w\` | |
| share | \`10%\`, \`99.9%\` | always with the sign |
| schedule | \`30 3 * * *\` | cron of five fields, in UTC |
| command | \`node dist/worker.js\` or \`[node, dist/worker.js]\` | one line is split as a shell would split it; a list is taken as it is |

Anchors, aliases and merge keys are not read: what environments share stands at the top level. A word that is not known is a fault, with the nearest right one beside it.`;

const OUTRO = `
## Secrets

A secret has no value in \`stack.yaml\`, only a name and where it comes from: \`generate\` (made once, random) or \`supply\` (a person gives it). Values live in \`secrets/<environment>/\` beside \`stack.yaml\`, in a folder of mode 0700 that git ignores, one file each; a generate never rewrites one that is there. In \`local\` all are made, and those to be supplied stay empty.

The application gets them as \`api.secrets_as\` says. \`environment\`: an env file, for an image that reads nothing else. Whoever may run \`docker inspect\` sees the values, and so does every child process; a value is one line. \`files\`: each as \`/run/secrets/NAME\`, with \`NAME_FILE\` pointing there; nothing is seen from outside. A running container goes on seeing the file it was started with: \`plimsoll up\` makes those anew whose secret has changed; with plain Compose, \`docker compose up --force-recreate SERVICE\` does.

## overrides.yaml

What no word reaches, a Compose file beside \`stack.yaml\` does. It is merged last, by Compose's own rules (short forms too; lists are added to), and checked again. Refused is what gives the host or the budget away: privileged containers, host namespaces, devices, engine sockets, dangerous capabilities, more memory than there is. Loosening a container's own walls is allowed, and a service you add is hardened by you: it needs an image and a \`mem_limit\`. Unlike in \`stack.yaml\`, \`\${VARIABLE}\` is Compose's here, and \`$$\` is a dollar. \`!reset\` and \`!override\` are not read: nothing can be removed.

\`\`\`yaml
services:
  api-1:
    extra_hosts: ["legacy.internal:10.1.2.3"]
\`\`\`

## pins.json

\`plimsoll pin\` asks registries for the digests of all official images and keeps them in \`pins.json\` beside \`stack.yaml\`: from then on exactly these run. \`plimsoll pin --check\` tells when a tag has moved.
`;
