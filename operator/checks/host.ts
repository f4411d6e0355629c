/** The host: its size, kernel, clock, engine and doors. */
import { connect } from "node:net";
import { bytes } from "../../generator/report/units.ts";
import { GiB } from "../../generator/spec/words.ts";
import {
  COMPOSE_MINIMUM,
  ENGINE_MINIMUM,
  formatVersion,
  isAtLeast,
  parseVersion,
} from "../engine/version.ts";
import { parseDestination } from "../host/destination.ts";
import { initCommand, parametersOfStack } from "../machine/of-stack.ts";
import type { CheckContext } from "./context.ts";
import type { Facts } from "./facts.ts";
import { automatic, failed, type Item, passed, unavailable, type Verdict } from "./item.ts";

const initRemedy = ({ site, plan }: CheckContext) =>
  site.host.kind === "local"
    ? undefined
    : initCommand(site.host.name, parametersOfStack(site.host.name, plan.services));

/** Of a droplet: a laptop has its own ways. */
function ofDroplet(look: (context: CheckContext, facts: Facts) => Verdict | Promise<Verdict>) {
  return async (context: CheckContext): Promise<Verdict> =>
    context.site.environment === "local"
      ? unavailable("local runs on a person's own machine")
      : look(context, await context.machine());
}

async function size(context: CheckContext): Promise<Verdict> {
  const facts = await context.machine();
  const { machine } = context.plan;
  const [cpus, memory] = [facts.number("cpus") ?? 0, facts.number("memory") ?? 0];
  const said = `${cpus} CPUs and ${bytes(memory)}; the plan is for ${machine.cpus} CPUs and ${bytes(machine.memory)}`;
  // What the kernel keeps for itself is missing in what it says.
  const fits = memory >= 0.93 * machine.memory && (cpus >= machine.cpus || machine.spared === true);
  return fits
    ? passed(said)
    : failed(said, `A larger droplet, or another machine in stack.yaml (plimsoll budget)`);
}

async function disk(context: CheckContext): Promise<Verdict> {
  const facts = await context.machine();
  const [free, total] = [facts.number("disk_free"), facts.number("disk_total")];
  if (free === undefined || total === undefined) return unavailable("no engine says where its images are");
  const inodes = facts.number("inodes_free") ?? 1;
  const said = `${bytes(free)} of ${bytes(total)} are free`;
  if (inodes < 0.1)
    return failed(`${said}, and ${Math.round(inodes * 100)}% of the inodes`, "docker image prune");
  // A deploy needs room for one more image, and a database for its next day.
  return free >= Math.max(5 * GiB, 0.1 * total)
    ? passed(said)
    : failed(said, "docker system df; docker builder prune");
}

const sysctls: Record<string, (value: number) => boolean> = {
  "vm.max_map_count": (value) => value >= 262_144,
  "vm.overcommit_memory": (value) => value === 1,
  "net.core.somaxconn": (value) => value >= 1024,
};

function kernel(context: CheckContext, facts: Facts): Verdict {
  const values = new Map(facts.all("sysctl").map((line) => line.split("=") as [string, string]));
  const wrong = Object.entries(sysctls).filter(
    ([name, good]) => !good(Number(values.get(name) ?? Number.NaN)),
  );
  if (wrong.length === 0) return passed([...values].map(([name, value]) => `${name} ${value}`).join(", "));
  return failed(
    wrong.map(([name]) => `${name} is ${values.get(name) ?? "unknown"}`).join(", "),
    initRemedy(context),
  );
}

async function clock(context: CheckContext): Promise<Verdict> {
  const began = Date.now();
  const { stdout } = await context.site.host.run("date", ["+%s.%N"], { timeout: 10_000 });
  const ended = Date.now();
  const off = Number(stdout) - (began + ended) / 2000;
  if (!Number.isFinite(off)) return unavailable("the host does not say what time it is");
  const ntp = (await context.machine()).one("ntp");
  const said = `${Math.abs(off).toFixed(1)} s off this machine's${ntp === undefined ? "" : `, synchronised: ${ntp}`}`;
  // Half of the round trip is not known.
  if (Math.abs(off) > 5 + (ended - began) / 2000) return failed(said, initRemedy(context));
  return ntp === "no" && context.site.environment !== "local"
    ? failed(said, initRemedy(context))
    : passed(said);
}

async function engine(context: CheckContext): Promise<Verdict> {
  const facts = await context.machine();
  const [docker, compose] = [facts.one("engine") ?? "missing", facts.one("compose") ?? "missing"];
  const said = `Docker ${docker}, Compose ${compose}`;
  const [has, composed] = [parseVersion(docker), parseVersion(compose)];
  const good = has && composed && isAtLeast(has, ENGINE_MINIMUM) && isAtLeast(composed, COMPOSE_MINIMUM);
  if (good) return passed(said);
  return failed(
    `${said}; ${formatVersion(ENGINE_MINIMUM)} and ${formatVersion(COMPOSE_MINIMUM)} or newer are needed`,
    initRemedy(context) ?? "sudo npx plimsoll engine install",
  );
}

function swap(context: CheckContext, facts: Facts): Verdict {
  const has = facts.number("swap") ?? 0;
  return has > 0 ? passed(bytes(has)) : failed("none", initRemedy(context));
}

function firewall(context: CheckContext, facts: Facts): Verdict {
  const found = facts.all("firewall");
  if (found.includes("plimsoll")) return passed("plimsoll's own, which Docker's ports do not pass by");
  if (found.includes("plimsoll-unit"))
    return unavailable(
      "plimsoll's own was put up at boot; whether its rules still hold only root may read",
      "sudo nft list table inet plimsoll",
    );
  if (found.length === 0) return failed("none", initRemedy(context));
  return failed(`${found.join(", ")}: Docker publishes its ports past it`, initRemedy(context));
}

function upgrades(context: CheckContext, facts: Facts): Verdict {
  const period = facts.one("upgrades");
  if (period === undefined) return unavailable("the host has no apt");
  const restart = facts.one("reboot") ? "; a reboot is due" : "";
  return period !== "missing" && period !== "0"
    ? passed(`unattended, every ${period} days${restart}`)
    : failed(`none${restart}`, initRemedy(context));
}

async function dns(context: CheckContext, facts: Facts): Promise<Verdict> {
  const { domain } = context.site;
  const own = new Set(facts.all("address"));
  const addresses = await context.addressesOf(domain);
  if (addresses.length === 0)
    return failed(`${domain} has no address`, `An A record for it: ${[...own][0] ?? "the host's address"}`);
  if (addresses.some((address) => own.has(address))) return passed(`${domain} is ${addresses.join(", ")}`);
  if (context.nginx.trusted_proxies.length > 0)
    return unavailable(`${domain} is ${addresses.join(", ")}: a CDN stands in front`);
  return failed(
    `${domain} is ${addresses.join(", ")}, the host has ${[...own].join(", ")}`,
    "A record at your DNS; it may take its TTL",
  );
}

/** What containers of any project publish to the world, and the plan does not. */
async function published(context: CheckContext): Promise<Verdict> {
  const wanted = new Set(
    Object.values(context.plan.services).flatMap(({ ports }) =>
      ports.filter(({ host_ip }) => !isLoopback(host_ip ?? "0.0.0.0")).map(({ published }) => published),
    ),
  );
  const lines = (await context.machine()).all("published");
  const extra = lines.flatMap((line) =>
    [...line.matchAll(/(\[::\]|0\.0\.0\.0):(\d+)->/g)].flatMap(([, , port]) =>
      wanted.has(Number(port)) ? [] : [`${line.split(" ").at(0)} ${port}`],
    ),
  );
  const others = [...new Set(extra)];
  return others.length === 0
    ? passed(`nothing beside ${[...wanted].join(", ") || "what is bound to 127.0.0.1"}`)
    : failed(`${others.length} more: ${others.slice(0, 5).join(", ")}`, "docker ps; bind them to 127.0.0.1");
}

const isLoopback = (address: string) => /^(127\.|::1$)/.test(address);

async function ports(context: CheckContext): Promise<Verdict> {
  const { host } = context.site;
  const address = host.kind === "local" ? "127.0.0.1" : parseDestination(host.name).host;
  const all = Object.values(context.plan.services).flatMap(({ ports }) => ports);
  const open = all.filter(({ host_ip }) => host.kind === "local" || !isLoopback(host_ip ?? "0.0.0.0"));
  const closed = host.kind === "local" ? [] : all.filter((port) => !open.includes(port));
  if ((await context.running()) === undefined) return unavailable("nothing runs that could answer");
  const answers = async (list: typeof all, wanted: boolean) =>
    (
      await Promise.all(
        list.map(async ({ published }) =>
          (await reachable(address, published)) === wanted ? [] : [published],
        ),
      )
    ).flat();
  const [silent, loud] = await Promise.all([answers(open, true), answers(closed, false)]);
  if (silent.length + loud.length === 0)
    return passed(`${open.length} answer from here, ${closed.length} do not, as planned`);
  const said = [
    ...(silent.length > 0 ? [`no answer: ${silent.join(", ")}`] : []),
    ...(loud.length > 0 ? [`open to the world: ${loud.join(", ")}`] : []),
  ];
  return failed(said.join("; "), initRemedy(context));
}

function reachable(host: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host, port, timeout: 5000 });
    const end = (answer: boolean) => {
      socket.destroy();
      done(answer);
    };
    socket
      .once("connect", () => end(true))
      .once("timeout", () => end(false))
      .once("error", () => end(false));
  });
}

export const host: Item[] = [
  automatic({ id: "host.size", title: "As large as the plan", run: size }),
  automatic({ id: "host.disk", title: "Disk is free", run: disk }),
  automatic({ id: "host.engine", title: "Docker and Compose are new enough", run: engine }),
  automatic({ id: "host.clock", title: "The clock is right", run: clock }),
  automatic({ id: "host.kernel", title: "Kernel settings", required: false, run: ofDroplet(kernel) }),
  automatic({ id: "host.swap", title: "Swap", required: false, run: ofDroplet(swap) }),
  automatic({ id: "host.upgrades", title: "Unattended upgrades", required: false, run: ofDroplet(upgrades) }),
  automatic({ id: "host.firewall", title: "Firewall", run: ofDroplet(firewall) }),
  automatic({ id: "host.dns", title: "The domain leads to this host", run: ofDroplet(dns) }),
  automatic({
    id: "host.published",
    title: "Containers publish nothing else",
    run: ofDroplet((context) => published(context)),
  }),
  automatic({ id: "host.ports", title: "The planned ports answer, and no others", run: ports }),
];
