import { readFile } from "node:fs/promises";
import { Argument, Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { localHost } from "../operator/host/local.ts";
import { Problem } from "../operator/problem.ts";
import {
  checkAccessName,
  parseAuthorized,
  readAuthorized,
  withKey,
  withoutKey,
  writeAuthorized,
} from "../operator/settings/access.ts";
import { audited } from "../operator/settings/audit.ts";
import { ourFingerprints } from "../operator/settings/our-keys.ts";
import { parsePublicKey } from "../operator/settings/public-key.ts";
import { destinationOf } from "../operator/site/open.ts";
import { onSite, type SiteOptions, type Work, withSite } from "./site.ts";
import { readStdin } from "./stdin.ts";

type Options = SiteOptions & { key?: string; stdin?: boolean; force?: boolean; json?: boolean };

export function accessCommand(): Command {
  return onSite(new Command("access"))
    .addArgument(new Argument("<action>", "what to do").choices(["list", "add", "remove"]))
    .argument("[name]", "a teammate, as you call them: ana")
    .description("whose keys open the host, as the user that deploys")
    .option("--key <file>", "the public key to add: its file, or its text")
    .option("--stdin", "the public key to add comes over stdin")
    .option("--force", "remove the last key, or the one in use")
    .option("--json", "the result as JSON on stdout")
    .action(
      async (environment: EnvironmentKind, action: string, name: string | undefined, options: Options) => {
        await withSite(environment, options, async (work) => {
          if (action === "list") return list(work, options);
          if (name === undefined)
            throw new Problem("whose key?", `plimsoll access ${environment} ${action} NAME`, 2);
          checkAccessName(name);
          if (action === "add") await add(work, name, options);
          else await remove(work, name, options);
        });
      },
    );
}

async function list({ site }: Work, { json }: Options): Promise<void> {
  const lines = parseAuthorized((await readAuthorized(site)).text);
  const shown = lines.map(({ name, type, fingerprint, comment }) => ({
    name: name ?? null,
    type,
    fingerprint,
    comment,
  }));
  if (json) return console.log(JSON.stringify(shown, null, 2));
  const width = Math.max(1, ...shown.map(({ name }) => name?.length ?? 1));
  for (const key of shown)
    console.log(`${(key.name ?? "-").padEnd(width)}  ${key.fingerprint}  ${key.type}  ${key.comment}`);
  if (shown.length === 0) console.error(`No key opens ${site.host.name}.`);
}

async function add({ site }: Work, name: string, options: Options): Promise<void> {
  const key = parsePublicKey(await keyText(options));
  const { text, seen } = await readAuthorized(site);
  const next = withKey(text, name, key);
  if (next !== undefined) {
    const what = `key of ${name} added: ${key.fingerprint}`;
    await audited(site, { command: "access add", what }, () => writeAuthorized(site, seen, next));
  }
  if (options.json)
    console.log(JSON.stringify({ name, fingerprint: key.fingerprint, added: next !== undefined }, null, 2));
  else
    console.error(
      next === undefined ? `${name} has that key already.` : `${name} can come in with ${key.fingerprint}.`,
    );
}

async function remove({ site, spec }: Work, name: string, options: Options): Promise<void> {
  const { text, seen } = await readAuthorized(site);
  const destination = site.host.kind === "local" ? undefined : destinationOf(spec, options.host);
  const ours = await ourFingerprints(localHost(), destination);
  const next = withoutKey(text, name, { ours, force: options.force });
  await audited(site, { command: "access remove", what: `key of ${name} removed` }, () =>
    writeAuthorized(site, seen, next),
  );
  if (options.json) console.log(JSON.stringify({ name, removed: true }, null, 2));
  else console.error(`${name} cannot come in any more. A connection that is open stays open.`);
}

async function keyText({ key, stdin }: Options): Promise<string> {
  if ((key === undefined) === !stdin)
    throw new Problem("which key?", "--key ~/ana.pub, --key 'ssh-ed25519 AAAA...', or --stdin", 2);
  if (key === undefined) return readStdin();
  if (/^(ssh|ecdsa|sk)-\S+ /.test(key)) return key;
  try {
    return await readFile(key, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Problem(`${key} cannot be read (${code})`, undefined, 2);
  }
}
