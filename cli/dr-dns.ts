/** Where the world finds the stack: set by API where stack.yaml names the zone, shown to be set by hand otherwise. */
import { lookup } from "node:dns/promises";
import type { Dr } from "../generator/spec/core.ts";
import { apiFromEnvironment } from "../operator/digitalocean/api.ts";
import { pointRecord, recordName } from "../operator/digitalocean/dns.ts";
import { localHost } from "../operator/host/local.ts";
import { addressOf } from "../operator/load/target.ts";
import { Problem } from "../operator/problem.ts";

export type Dns = {
  record: { name: string; type: "A" | "AAAA"; address: string };
  /**
   * Points it, says so, and does the rest; then says once more, below all that the rest said, what a person has to set.
   * Its own failure is said and not thrown: the stack serves whatever becomes of it.
   */
  pointThen(say: (line: string) => void, rest: () => Promise<void>): Promise<void>;
};

type Pointed = {
  /** What was done, or is to be done. */
  lines: string[];
  /** A person has to do it. */
  byHand: boolean;
};

/** Everything that can be wrong with it is found before a host is touched. @throws Problem */
export async function prepareDns(
  dr: Dr | undefined,
  domain: string,
  destination: string,
  signal: AbortSignal,
): Promise<Dns> {
  const name = await addressOf(destination, localHost());
  const address = await lookup(name).then(
    (found) => found.address,
    () => name,
  );
  const record = { name: domain, type: address.includes(":") ? "AAAA" : "A", address } as const;
  const mine = [
    `DNS is yours to set:  ${domain}.  60  IN  ${record.type}  ${address}`,
    "Until the old record has run out everywhere (its TTL), visitors go to the lost host.",
  ];
  const zone = dr?.dns?.digitalocean;
  if (zone === undefined)
    return { record, pointThen: saidAround(async () => ({ lines: mine, byHand: true })) };
  recordName(zone, domain);
  const api = apiFromEnvironment(process.env, { signal });
  const ttl = dr?.dns?.ttl ?? 60;
  return {
    record,
    pointThen: saidAround(async () => {
      try {
        const { state, before, until } = await pointRecord(api, { zone, domain, address, ttl });
        const earlier = before ? ` (${before} before, which others may keep for ${until} s)` : "";
        const when = state === "ok" ? "already" : `now${earlier}`;
        return { lines: [`DNS: ${domain} leads to ${address} ${when}`], byHand: false };
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        return { lines: [`DNS was not set: ${error.message}`, ...mine], byHand: true };
      }
    }),
  };
}

function saidAround(point: () => Promise<Pointed>): Dns["pointThen"] {
  return async (say, rest) => {
    const { lines, byHand } = await point();
    for (const line of lines) say(line);
    try {
      await rest();
    } finally {
      if (byHand) for (const line of lines) say(line);
    }
  };
}
