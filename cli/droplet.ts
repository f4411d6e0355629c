import { Command, InvalidArgumentError } from "commander";
import { tableLines } from "../generator/report/table.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { droplets, PRICES_OF } from "../generator/spec/machine.ts";
import { apiFromEnvironment } from "../operator/digitalocean/api.ts";
import {
  checkName,
  createDroplet,
  destroyDroplet,
  findDroplet,
  listDroplets,
} from "../operator/digitalocean/droplets.ts";
import { type Droplet, publicAddress } from "../operator/digitalocean/shapes.ts";
import { cloudConfig } from "../operator/machine/cloud-init.ts";
import { initCommand } from "../operator/machine/of-stack.ts";
import { checkParameters } from "../operator/machine/parameters.ts";
import { Problem } from "../operator/problem.ts";
import { confirmYes } from "./confirm.ts";
import { machineOf, readKeys } from "./machine-words.ts";
import { confirmName, operate } from "./operate.ts";
import { environmentOption } from "./stacks.ts";

export function dropletCommand(): Command {
  return new Command("droplet")
    .description("DigitalOcean's droplets for stacks; the token is read from DIGITALOCEAN_TOKEN")
    .addCommand(create())
    .addCommand(list())
    .addCommand(destroy());
}

type CreateWords = {
  environment: EnvironmentKind;
  name?: string;
  size?: string;
  region: string;
  image: string;
  key: string[];
  yes?: boolean;
  json?: boolean;
};

function create(): Command {
  return new Command("create")
    .argument("[stack]", "a stack's name below stacks/, or its folder; the only one there if absent")
    .description(
      "a droplet of the stack's size, made ready by cloud-init, behind a cloud firewall; safe to run again",
    )
    .addOption(environmentOption().default("production"))
    .option("--name <name>", "its name; the project's if absent, such as fkod-production")
    .option("--size <slug>", "another size than stack.yaml's machine", slug)
    .option("--region <slug>", "where it stands: nyc3, fra1, sgp1 ...", slug, "nyc3")
    .option(
      "--image <slug>",
      "ubuntu-22-04-x64, ubuntu-24-04-x64, debian-12-x64 or debian-13-x64",
      slug,
      "ubuntu-24-04-x64",
    )
    .option(
      "--key <file>",
      "a public key, uploaded where the account lacks it; all keys of the account if absent",
      more,
      [],
    )
    .option("-y, --yes", "create it without asking: it costs money from then on")
    .option("--json", "the droplet as JSON on stdout")
    .action(async (stack: string | undefined, options: CreateWords) => {
      await operate(
        (signal) => createOne(stack, options, signal),
        async () =>
          "Interrupted. Run this again: it finds what was made. What there is: plimsoll droplet list",
      );
    });
}

async function createOne(
  stack: string | undefined,
  options: CreateWords,
  signal: AbortSignal,
): Promise<void> {
  const say = (line: string) => console.error(line);
  const { project, machine, parameters } = await machineOf(stack, options.environment);
  const name = options.name ?? project;
  checkName(name);
  const size = options.size ?? machine.slug;
  if (size === "custom") {
    throw new Problem(
      "stack.yaml names a machine of one's own, and no droplet",
      `Say which: --size s-4vcpu-8gb, or machine: with one of ${droplets.map((one) => one.slug).join(", ")}`,
      2,
    );
  }
  const keys = await readKeys(options.key);
  const { user, open } = checkParameters({ ...parameters, keys });
  const userData = cloudConfig({ user, open, keys });
  const api = apiFromEnvironment(process.env, { signal, say });
  if (!options.yes && !(await findDroplet(api, name))) {
    const price = droplets.find((one) => one.slug === size)?.price;
    say(
      `${name}: ${size}, ${options.image}, in ${options.region}${price ? `, $${price} a month (prices of ${PRICES_OF})` : ""}`,
    );
    if (!(await confirmYes("Create it?")))
      throw new Problem("nothing was created", "Without being asked: --yes");
  }
  const wanted = { name, size, region: options.region, image: options.image, keys, userData, ports: open };
  const { droplet, address, made } = await createDroplet(api, wanted, { say, signal });
  if (options.json) console.log(JSON.stringify({ ...factsOf(droplet), made }, null, 2));
  say(
    [
      "",
      `${name} is ${made ? "there" : "there already"}: ${address}`,
      "cloud-init makes it ready in about three minutes. This waits for it and shows every step:",
      `  npx ${initCommand(address, { user, open })}`,
      `In stack.yaml, below environments.${options.environment}: host: ${user}@${address}`,
      `Then: npx plimsoll deploy ${options.environment}`,
    ].join("\n"),
  );
}

function list(): Command {
  return new Command("list")
    .description("the droplets that plimsoll made")
    .option("--json", "as JSON on stdout")
    .action(async ({ json }: { json?: boolean }) => {
      await operate(
        async (signal) => {
          const found = (await listDroplets(apiFromEnvironment(process.env, { signal }))).map(factsOf);
          if (json) console.log(JSON.stringify(found, null, 2));
          else if (found.length === 0) console.error("There is none. Make one: plimsoll droplet create");
          else console.log(table(found));
        },
        async () => "Interrupted.",
      );
    });
}

function destroy(): Command {
  return new Command("destroy")
    .argument("<name>", "the droplet's name")
    .description("destroy a droplet and its cloud firewall; its disk goes with it")
    .option("--confirm <name>", "the name again, instead of being asked")
    .option("--json", "the result as JSON on stdout")
    .action(async (name: string, options: { confirm?: string; json?: boolean }) => {
      await operate(
        async (signal) => {
          checkName(name);
          const api = apiFromEnvironment(process.env, { signal });
          const droplet = await findDroplet(api, name);
          if (!droplet)
            throw new Problem(
              `plimsoll made no droplet named ${name}`,
              "What there is: plimsoll droplet list",
              2,
            );
          const address = publicAddress(droplet) ?? "no address";
          await confirmName(
            `${name} (${droplet.size_slug}, ${droplet.region.slug}, ${address}) is destroyed with its disk: databases and backups on it are gone.`,
            name,
            options.confirm,
            "droplet",
          );
          const { firewall } = await destroyDroplet(api, droplet);
          if (options.json)
            console.log(JSON.stringify({ destroyed: name, id: droplet.id, firewall }, null, 2));
          console.error(
            `${name} is destroyed${firewall ? ", and its cloud firewall" : ""}. Volumes and snapshots, if any, stay.`,
          );
        },
        async () => "Interrupted. What there is: plimsoll droplet list",
      );
    });
}

function factsOf(droplet: Droplet) {
  return {
    name: droplet.name,
    id: droplet.id,
    status: droplet.status,
    size: droplet.size_slug,
    region: droplet.region.slug,
    image: droplet.image.slug ?? droplet.image.name ?? "",
    address: publicAddress(droplet),
    price: droplets.find(({ slug }) => slug === droplet.size_slug)?.price,
    created: droplet.created_at,
  };
}

function table(found: readonly ReturnType<typeof factsOf>[]): string {
  return tableLines([
    ["NAME", "STATUS", "SIZE", "REGION", "ADDRESS", "USD/MONTH", "CREATED"],
    ...found.map(({ name, status, size, region, address = "-", price, created }) => [
      ...[name, status, size, region, address],
      ...[price === undefined ? "-" : String(price), created.slice(0, 10)],
    ]),
  ]).join("\n");
}

function slug(text: string): string {
  if (/^[a-z0-9][a-z0-9.-]{0,63}$/.test(text)) return text;
  throw new InvalidArgumentError("Expected a slug of DigitalOcean's, such as nyc3 or s-2vcpu-4gb.");
}

function more(file: string, before: readonly string[]): string[] {
  return [...before, file];
}
