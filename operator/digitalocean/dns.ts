/** The record that a domain is found by, in DigitalOcean's DNS: https://docs.digitalocean.com/reference/api/ (Domain Records). */
import { z } from "zod";
import { Problem } from "../problem.ts";
import type { Api } from "./api.ts";

export const DnsRecord = z.object({
  id: z.int(),
  type: z.string(),
  name: z.string(),
  data: z.string(),
  ttl: z.int(),
});
export type DnsRecord = z.output<typeof DnsRecord>;

export type Wanted = {
  /** example.com */
  zone: string;
  /** api.example.com */
  domain: string;
  /** Of the new host; IPv4. */
  address: string;
  /** Seconds. */
  ttl: number;
};

export type Pointed = {
  state: "ok" | "made" | "changed";
  /** Where it led. */
  before: string | undefined;
  /** Seconds that others may still go by the old one. */
  until: number;
};

/** Safe to run again. @throws Problem */
export async function pointRecord(api: Api, { zone, domain, address, ttl }: Wanted): Promise<Pointed> {
  const name = recordName(zone, domain);
  const path = `/v2/domains/${zone}/records`;
  const found = (await api.all(`${path}?name=${domain}`, "domain_records", DnsRecord)).filter(
    (record) => record.name === name && ["A", "AAAA", "CNAME"].includes(record.type),
  );
  const [record, ...others] = found;
  if (others.length > 0 || (record && record.type !== "A"))
    throw new Problem(
      `${domain} has ${found.map(({ type, data }) => `${type} ${data}`).join(" and ")} at DigitalOcean: which of them is to lead to ${address} is yours to say`,
      `Set it by hand: one A record, ${domain} to ${address}, and no AAAA that leads to the lost host`,
    );
  const shape = z.object({ domain_record: DnsRecord });
  const body = { type: "A", name, data: address, ttl };
  if (!record) {
    await api.ask("POST", path, shape, body);
    return { state: "made", before: undefined, until: 0 };
  }
  if (record.data === address) return { state: "ok", before: address, until: 0 };
  await api.ask("PUT", `${path}/${record.id}`, shape, body);
  return { state: "changed", before: record.data, until: record.ttl };
}

/** `api` of api.example.com in the zone example.com; `@` of the zone itself. @throws Problem (2) */
export function recordName(zone: string, domain: string): string {
  if (domain === zone) return "@";
  if (domain.endsWith(`.${zone}`)) return domain.slice(0, -zone.length - 1);
  throw new Problem(`${domain} is not in the zone ${zone}`, "dr.dns.digitalocean names the zone.", 2);
}
