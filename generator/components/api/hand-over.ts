/** How secrets reach the application: as one env file, or as files with NAME_FILE beside them. */
import type { Secret, Text } from "../component.ts";
import type { Api } from "./options.ts";

export function handOver(options: Api, texts: Record<string, Text>) {
  const names = Object.keys(texts);
  if (options.secrets_as === "environment") {
    const lines = names.flatMap((name) => [
      `${name}=`,
      ...([texts[name]].flat() as Exclude<Text, string>[number][]),
      "\n",
    ]);
    return {
      environment: {},
      service: names.length > 0 ? { env_file: ["api.env"] } : {},
      secrets: names.length > 0 ? [{ name: "api.env", text: lines } satisfies Secret] : [],
    };
  }
  return {
    environment: Object.fromEntries(names.map((name) => [`${name}_FILE`, `/run/secrets/${name}`])),
    service: { secrets: names },
    secrets: names.map((name): Secret => ({ name, text: texts[name] as Text })),
  };
}
