/** What every service gets, whoever contributed it; the rest of a service is its component's. */
import { harden } from "../../plan/harden.ts";
import { GiB } from "../../spec/words.ts";
import { flatten } from "./flatten.ts";

/** A service that asks for nothing: what it has all the same is the house's. */
function bare(): Map<string, string> {
  const image = { official: "none:1", debian: "none:1" };
  const service = {
    image,
    user: "1:1",
    networks: [],
    healthcheck: { test: ["CMD", "true"] },
    stop_grace_period: "10s",
  } as const;
  return flatten(harden("none", service, { memory: GiB, cpus: 1, cpuShares: 1, pids: 1 }, "production"));
}

const OWN = ["user", "healthcheck.test", "stop_grace_period", "networks"];
let known: Map<string, string> | undefined;

export function isHouse(key: string, value: string): boolean {
  known ??= bare();
  return key === "hostname" || (!OWN.includes(key) && known.get(key) === value);
}
