/** What all components offered, as one. */
import {
  type Backup,
  type Contribution,
  isOutside,
  type LogParser,
  type Offers,
  type Probe,
  type Setting,
} from "../components/component.ts";

/** What collectors may still offer, once all others have. */
export function mergedLate(
  offers: Offers,
  collected: readonly { added: Contribution }[],
): Pick<Offers, "settings" | "doors"> {
  return {
    settings: [...offers.settings, ...collected.flatMap(({ added }) => added.settings ?? [])],
    doors: [...offers.doors, ...collected.flatMap(({ added }) => added.doors ?? [])],
  };
}

/** Joins what all offered. Two that provide the same thing are a mistake of the components. */
export function mergeOffers(contributions: readonly Contribution[]): Offers {
  const list = <Item>(pick: (added: Contribution) => readonly Item[] | undefined): Item[] =>
    contributions.flatMap((added) => pick(added) ?? []);
  const record = <Value>(
    what: string,
    pick: (added: Contribution) => Readonly<Record<string, Value>> | undefined,
  ) => {
    const merged: Record<string, Value> = {};
    for (const added of contributions) {
      for (const [key, value] of Object.entries(pick(added) ?? {})) {
        if (Object.hasOwn(merged, key)) throw new Error(`two components offer the ${what} ${key}`);
        merged[key] = value;
      }
    }
    return merged;
  };
  const [application, ...others] = contributions.flatMap((added) => added.application ?? []);
  if (others.length > 0) throw new Error("two components offer an application");
  return {
    ...(application && { application }),
    provides: record("environment variable", (added) => added.provides),
    ready: list((added) => added.ready),
    routes: list((added) => added.routes),
    pages: list((added) => added.pages),
    hostNames: list((added) => added.hostNames),
    ...(contributions.some(({ unknownAuthority }) => unknownAuthority) && { unknownAuthority: true }),
    scrapes: list((added) => added.scrapes),
    unscraped: record("reason for no metrics of", (added) => added.unscraped),
    probes: askedProbes(
      list((added) => added.probes),
      contributions.find(({ asksOutside }) => asksOutside !== undefined)?.asksOutside,
    ),
    rules: [...new Set(list((added) => added.rules))],
    thresholds: list((added) => added.thresholds),
    dashboards: [...new Set(list((added) => added.dashboards))],
    logs: record<LogParser>("log parser of", (added) => added.logs),
    backups: list<Backup>((added) => added.backups),
    settings: list<Setting>((added) => added.settings),
    commands: record("command", (added) => added.commands),
    doors: list((added) => added.doors),
  };
}

function askedProbes(probes: readonly Probe[], outside: boolean | string = true): readonly Probe[] {
  if (outside === true) return probes;
  const within = probes.filter((probe) => !isOutside(probe));
  return outside === false ? within : [...within, { name: "public", module: "public", target: outside }];
}
