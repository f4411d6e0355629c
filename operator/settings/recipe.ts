/**
 * The secrets of a plan as a text that operator/onhost/secrets.bash follows on the host: how each is made, never a value.
 * One word a line decides, literals in base64, so that no text of a user is ever read as syntax.
 *
 *     plimsoll-secrets 1
 *     random postgres_app_password 32 alphanumeric
 *     supplied api_sentry_dsn U0VOVFJZX0RTTiBvZiB0aGUgYXBwbGljYXRpb24=
 *     text DATABASE_URL
 *     = cG9zdGdyZXNxbDovL2FwcDo=
 *     + postgres_app_password url any
 *     end
 */
import type { Secret } from "../../generator/components/component.ts";

export const RECIPE_VERSION = 1;

/** A secret's name is a file's name, and a word of the recipe. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** @throws Error for a name that no file should have: a mistake of a component */
export function secretsRecipe(secrets: readonly Secret[]): string {
  const lines = secrets.flatMap((secret) => {
    const name = checked(secret.name);
    if ("random" in secret) return [`random ${name} ${secret.random} ${secret.alphabet ?? "alphanumeric"}`];
    if ("supplied" in secret) return [`supplied ${name} ${base64(secret.supplied)}`];
    const parts = [secret.text].flat().filter((part) => part !== "");
    return [
      `text ${name}`,
      ...parts.map((part) =>
        typeof part === "string"
          ? `= ${base64(part)}`
          : `+ ${checked(part.secret)} ${part.as ?? "plain"} ${part.oneLine ? "line" : "any"}`,
      ),
      "end",
    ];
  });
  return [`plimsoll-secrets ${RECIPE_VERSION}`, ...lines, ""].join("\n");
}

function checked(name: string): string {
  if (!NAME.test(name)) throw new Error(`${JSON.stringify(name)} is no name for a secret`);
  return name;
}

function base64(text: string): string {
  // An empty word would not be one.
  return text === "" ? "=" : Buffer.from(text, "utf8").toString("base64");
}
