/** The month's price of one environment, beside the bill it replaces. */
import type { Spec } from "../spec/load.ts";
import { PRICES_OF } from "../spec/machine.ts";
import { DROPLET_BACKUPS, type DropletBackups, type Price, REPLACED, SPACES } from "./prices.ts";

export type Cost = {
  stack: string;
  environment: string;
  /** The day the prices were listed. */
  prices_of: string;
  currency: "USD";
  /** Empty for a machine of one's own: its price is not known here. */
  items: readonly Price[];
  total?: number;
  replaced: { items: readonly Price[]; total: number };
  /** What is left of the old bill; absent where the machine has no price. */
  saved?: number;
};

export function costOf(spec: Spec, backups?: DropletBackups): Cost {
  const { machine, core } = spec;
  const items: Price[] = [];
  if (machine.price !== undefined) {
    items.push({ what: `droplet ${machine.slug}`, price: machine.price });
    if (backups !== undefined) {
      const share = DROPLET_BACKUPS[backups];
      items.push({ what: `its ${backups} backups (${share * 100}%)`, price: round(machine.price * share) });
    }
  }
  if (storesElsewhere(spec))
    items.push({ what: "Spaces for the backups", price: SPACES, note: "250 GiB, 1 TiB out" });
  const total = machine.price === undefined ? undefined : sum(items);
  const replaced = { items: REPLACED, total: sum(REPLACED) };
  return {
    stack: core.name,
    environment: spec.environment,
    prices_of: PRICES_OF,
    currency: "USD",
    items,
    total,
    replaced,
    saved: total === undefined ? undefined : round(replaced.total - total),
  };
}

/** True where a part of the stack keeps something in a bucket. */
function storesElsewhere(spec: Spec): boolean {
  const hasBucket = (value: unknown): boolean =>
    typeof value === "object" &&
    value !== null &&
    (typeof (value as { bucket?: unknown }).bucket === "string" || Object.values(value).some(hasBucket));
  return [...spec.options.values()].some(hasBucket);
}

function sum(items: readonly Price[]): number {
  return round(items.reduce((total, { price }) => total + price, 0));
}

function round(dollars: number): number {
  return Math.round(dollars * 100) / 100;
}
