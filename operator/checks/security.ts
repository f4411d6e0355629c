/** Security: what the sources, stack.yaml and the open door say. */
import { join } from "node:path";
import { z } from "zod";
import { Duration } from "../../generator/spec/words.ts";
import type { CheckContext } from "./context.ts";
import { automatic, failed, type Item, passed, person, unavailable, type Verdict } from "./item.ts";
import { applicationSources, sourceText } from "./sources.ts";

async function cors(context: CheckContext): Promise<Verdict> {
  const variable = context.api.environment.CORS_ORIGIN;
  const origins = context.nginx.cors?.origins ?? variable?.split(",").map((origin) => origin.trim()) ?? [];
  const remedy = "nginx: { cors: { origins: [https://example.com] } } in stack.yaml";
  if (origins.includes("*") || variable?.includes("*")) return failed("every origin may call it: *", remedy);
  const live = (await context.running())?.one("cors_foreign");
  if (live !== undefined && /^\*$|plimsoll-check/.test(live)) {
    return failed(`a preflight of a foreign origin is answered with ${live}`, remedy);
  }
  if (origins.length === 0 && live === undefined)
    return unavailable("stack.yaml says nothing, and nothing runs", remedy);
  const said = origins.length > 0 ? origins.join(", ") : "no origin of another";
  return passed(
    live === undefined ? `${said}; not asked live: nothing runs` : `${said}; a foreign origin is refused`,
  );
}

function rate({ nginx }: CheckContext): Verdict {
  if (nginx.rate === false)
    return failed("nginx.rate is false", "nginx: { rate: { requests: 50r/s, burst: 100 } }");
  return passed(`${nginx.rate.requests} an address, ${nginx.rate.burst} more at once`);
}

async function https(context: CheckContext): Promise<Verdict> {
  const tls = context.plan.services.nginx?.ports.some(({ target }) => target === 8443);
  if (!tls) return unavailable(`${context.site.environment} is plain HTTP`);
  if (context.nginx.headers.hsts === false)
    return failed("nginx.headers.hsts is false", "Remove the word: a year is the default");
  const running = await context.running();
  const redirect = running?.one("redirect");
  if (redirect === undefined) return unavailable("planned (308 and HSTS), not asked live: nothing runs");
  const hsts = running?.one("hsts") ?? "";
  if (!/^308 https:/.test(redirect))
    return failed(`http is answered with ${redirect || "nothing"}, not 308 to https`);
  if (!/max-age=[1-9]/.test(hsts)) return failed("answers have no Strict-Transport-Security");
  return passed(`308 to https, ${hsts}`);
}

function jwtExpiry({ api }: CheckContext): Verdict {
  const name = ["JWT_EXPIRY", "JWT_EXPIRES_IN", "JWT_EXPIRATION", "JWT_TTL"].find(
    (key) => api.environment[key] !== undefined,
  );
  const remedy = "api: { environment: { JWT_EXPIRY: 7d } }";
  if (name === undefined) {
    const tokens = Object.keys(api.secrets).some((key) => key.startsWith("JWT"));
    return tokens
      ? failed("there is a JWT secret, and no JWT_EXPIRY", remedy)
      : unavailable("no JWT in stack.yaml");
  }
  const text = String(api.environment[name]);
  const parsed = Duration.safeParse(text);
  const seconds = parsed.success ? parsed.data : Number(text);
  if (!Number.isFinite(seconds) || seconds <= 0) return failed(`${name} is ${text}`, remedy);
  return seconds <= 30 * 86_400
    ? passed(`${name} is ${text}`)
    : failed(`${name} is ${text}: more than 30 days`, remedy);
}

const Package = z.looseObject({ dependencies: z.record(z.string(), z.string()).default({}) });
const HASHES = ["bcryptjs", "bcrypt", "argon2", "@node-rs/argon2", "@node-rs/bcrypt"];

async function passwords(context: CheckContext): Promise<Verdict> {
  if (context.folder === undefined) return unavailable("stack.yaml names an image and no sources");
  const text = await sourceText(join(context.folder, "package.json"));
  const { dependencies } = Package.parse(text === undefined ? {} : JSON.parse(text));
  const hash = HASHES.find((name) => dependencies[name] !== undefined);
  if (hash) return passed(`${hash} ${dependencies[hash]} is a dependency`);
  for (const file of await applicationSources(context)) {
    if (/\bscrypt(Sync)?\(/.test((await sourceText(file)) ?? "")) return passed("the sources use scrypt");
  }
  return failed("no bcrypt, argon2 or scrypt", `cd ${context.folder} && npm install bcryptjs`);
}

export const security: Item[] = [
  person({
    id: "security.sql",
    title: "No SQL injection",
    hint: "every query has parameters; no text is joined into one",
  }),
  person({
    id: "security.xss",
    title: "No XSS",
    hint: "no dangerouslySetInnerHTML of what users wrote; nginx sends its headers",
  }),
  automatic({ id: "security.cors", title: "CORS configured", run: cors }),
  automatic({ id: "security.rate-limit", title: "Rate limiting", run: rate }),
  person({
    id: "security.input",
    title: "Input validation on all endpoints",
    hint: "each route parses its body, query and parameters",
  }),
  automatic({ id: "security.passwords", title: "Password hashing (bcryptjs)", run: passwords }),
  automatic({ id: "security.jwt-expiry", title: "JWT expiry set", run: jwtExpiry }),
  automatic({ id: "security.https", title: "HTTPS enforced", run: https }),
];
