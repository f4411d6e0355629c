/** A cloud firewall in front of the droplet, attached by its tag: in force before the droplet's first boot. */
import { z } from "zod";
import type { Api } from "./api.ts";
import { Firewall } from "./shapes.ts";

const WORLD = { addresses: ["0.0.0.0/0", "::/0"] };

export type FirewallState = "ok" | "made" | "mended";

/** 22, the ports named, and ping come in; everything goes out. */
export async function ensureFirewall(
  api: Api,
  { name, tag, ports }: { name: string; tag: string; ports: readonly number[] },
): Promise<FirewallState> {
  // A rule can only name a tag that exists.
  const tags = await api.all("/v2/tags", "tags", z.object({ name: z.string() }));
  if (!tags.some((one) => one.name === tag)) await api.ask("POST", "/v2/tags", z.unknown(), { name: tag });
  const wanted = rules(name, tag, ports);
  const found = (await api.all("/v2/firewalls", "firewalls", Firewall)).find((one) => one.name === name);
  const shape = z.object({ firewall: Firewall });
  if (!found) {
    await api.ask("POST", "/v2/firewalls", shape, wanted);
    return "made";
  }
  const mended = kept(found, wanted);
  if (words(found) === words(mended)) return "ok";
  await api.ask("PUT", `/v2/firewalls/${found.id}`, shape, {
    ...mended,
    droplet_ids: found.droplet_ids ?? [],
  });
  return "mended";
}

/** Away with it, where there is one. */
export async function removeFirewall(api: Api, name: string): Promise<boolean> {
  const found = (await api.all("/v2/firewalls", "firewalls", Firewall)).find((one) => one.name === name);
  if (!found) return false;
  await api.ask("DELETE", `/v2/firewalls/${found.id}`, z.unknown());
  return true;
}

function rules(name: string, tag: string, ports: readonly number[]) {
  const open = [...new Set([22, ...ports])].sort((one, other) => one - other);
  return {
    name,
    inbound_rules: [
      ...open.map((port) => ({ protocol: "tcp" as const, ports: String(port), sources: WORLD })),
      { protocol: "icmp" as const, ports: "0", sources: WORLD },
    ],
    outbound_rules: (["tcp", "udp", "icmp"] as const).map((protocol) => ({
      protocol,
      ports: "0",
      destinations: WORLD,
    })),
    tags: [tag],
  };
}

/** Ports that nobody planned are shut; of those that are, who may come in stays as somebody has narrowed it. */
function kept(found: Firewall, wanted: ReturnType<typeof rules>): Omit<Firewall, "id"> {
  const same = <Rule extends { protocol: string; ports: string }>(
    there: readonly Rule[] | null | undefined,
    { protocol, ports }: Rule,
  ) => there?.find((rule) => rule.protocol === protocol && rule.ports === ports);
  return {
    name: wanted.name,
    inbound_rules: wanted.inbound_rules.map((rule) => same(found.inbound_rules, rule) ?? rule),
    outbound_rules: wanted.outbound_rules.map((rule) => same(found.outbound_rules, rule) ?? rule),
    tags: [...new Set([...(found.tags ?? []), ...wanted.tags])],
  };
}

/** The same words for the same rules, in whatever order they come. */
function words({ inbound_rules, outbound_rules, tags }: Omit<Firewall, "id" | "name">): string {
  const ends = (addresses: readonly string[] | null | undefined) => [...(addresses ?? [])].sort().join(" ");
  return [
    ...(inbound_rules ?? []).map(
      ({ protocol, ports, sources }) => `in ${protocol} ${ports} ${ends(sources.addresses)}`,
    ),
    ...(outbound_rules ?? []).map(
      ({ protocol, ports, destinations }) => `out ${protocol} ${ports} ${ends(destinations.addresses)}`,
    ),
    ...(tags ?? []).map((tag) => `tag ${tag}`),
  ]
    .sort()
    .join("\n");
}
