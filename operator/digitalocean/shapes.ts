/** The parts of DigitalOcean's answers that are read. Source: its OpenAPI description, resources droplets, firewalls, ssh_keys. */
import { z } from "zod";

const Network = z.object({ ip_address: z.string(), type: z.enum(["public", "private"]) });

export const Droplet = z.object({
  id: z.number(),
  name: z.string(),
  status: z.enum(["new", "active", "off", "archive"]),
  size_slug: z.string(),
  created_at: z.string(),
  region: z.object({ slug: z.string() }),
  image: z.object({ slug: z.string().nullish(), name: z.string().nullish() }),
  networks: z.object({ v4: z.array(Network).default([]), v6: z.array(Network).default([]) }),
  tags: z.array(z.string()).nullish(),
});
export type Droplet = z.output<typeof Droplet>;

export const Key = z.object({
  id: z.number(),
  name: z.string(),
  fingerprint: z.string(),
  public_key: z.string(),
});
export type Key = z.output<typeof Key>;

// Loose: what is read here and written back keeps what is not known here (sources by tag or load balancer).
const Rule = z.looseObject({
  protocol: z.enum(["tcp", "udp", "icmp"]),
  /** One port, a range, or "0" for all; always "0" for icmp. */
  ports: z.string(),
});
const Ends = z.looseObject({ addresses: z.array(z.string()).nullish() });

export const Firewall = z.object({
  id: z.string(),
  name: z.string(),
  inbound_rules: z.array(Rule.extend({ sources: Ends })).nullish(),
  outbound_rules: z.array(Rule.extend({ destinations: Ends })).nullish(),
  droplet_ids: z.array(z.number()).nullish(),
  tags: z.array(z.string()).nullish(),
});
export type Firewall = z.output<typeof Firewall>;

/** The address that the world reaches; absent while it is being made. */
export function publicAddress({ networks }: Droplet): string | undefined {
  return networks.v4.find(({ type }) => type === "public")?.ip_address;
}
