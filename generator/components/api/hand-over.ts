/** How what is provided, and secrets, reach the application: as one env file, or as files with NAME_FILE beside them. */
import type { Offers, Secret, SecretRef, Service, Text } from "../component.ts";
import type { Api } from "./options.ts";

export type Handed = {
  environment: Record<string, string>;
  service: Pick<Service, "env_file" | "secrets">;
  secrets: Secret[];
};

export function handOver(options: Api, provides: Offers["provides"]): Handed {
  const own = (name: string) => `api_${name.toLowerCase()}`;
  const supplied = Object.entries(options.secrets).map(
    ([name, origin]): Secret =>
      origin === "generate"
        ? { name: own(name), random: 48 }
        : { name: own(name), supplied: `${name} of the application` },
  );
  // What the user sets wins: a database of their own elsewhere.
  const provided = Object.entries(provides).filter(
    ([name]) => !Object.hasOwn(options.environment, name) && !Object.hasOwn(options.secrets, name),
  );
  const secret: [string, Text][] = [
    ...provided.filter(([, text]) => typeof text !== "string"),
    ...Object.keys(options.secrets).map((name): [string, Text] => [name, [{ secret: own(name) }]]),
  ];
  const plain = Object.fromEntries(provided.filter(([, text]) => typeof text === "string")) as Record<
    string,
    string
  >;
  const handed = options.secrets_as === "files" ? asFiles(secret) : asEnvironment(secret);
  return {
    environment: { ...plain, ...handed.environment },
    service: handed.service,
    secrets: [...supplied, ...handed.secrets],
  };
}

function asEnvironment(secret: readonly [string, Text][]): Handed {
  if (secret.length === 0) return { environment: {}, service: {}, secrets: [] };
  const lines = secret.flatMap(([name, text]): (string | SecretRef)[] => [
    `${name}=`,
    ...[text].flat().map((part) => (typeof part === "string" ? part : { ...part, oneLine: true as const })),
    "\n",
  ]);
  return { environment: {}, service: { env_file: ["api.env"] }, secrets: [{ name: "api.env", text: lines }] };
}

function asFiles(secret: readonly [string, Text][]): Handed {
  return {
    environment: Object.fromEntries(secret.map(([name]) => [`${name}_FILE`, `/run/secrets/${name}`])),
    service: { secrets: secret.map(([name]) => name) },
    secrets: secret.map(([name, text]) => ({ name, text })),
  };
}
