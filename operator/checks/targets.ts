/** Targets: the promises of stack.yaml and the business's own, as Prometheus has counted them. */
import type { CheckContext } from "./context.ts";
import type { FigureName } from "./figures.ts";
import { milliseconds, share } from "./figures-text.ts";
import { automatic, failed, type Item, passed, unavailable } from "./item.ts";
import { nothingRuns } from "./nothing-runs.ts";

type Target = {
  figure: FigureName;
  bound(context: CheckContext): number;
  atLeast?: true;
  show(value: number): string;
  none: string;
};

function target(id: string, title: string, { figure, bound, atLeast, show, none }: Target): Item {
  return automatic({
    id,
    title,
    required: false,
    holds: 30,
    async run(context) {
      const running = await context.running();
      if (!running) return nothingRuns(context);
      if (!running.figures) return unavailable("Prometheus does not answer");
      const value = running.figures.get(figure);
      if (value === undefined) return unavailable(none);
      const wanted = bound(context);
      const said = `${show(value)}, ${atLeast ? "more than" : "less than"} ${show(wanted)} wanted`;
      return (atLeast ? value >= wanted : value <= wanted)
        ? passed(said)
        : failed(said, `plimsoll open ${context.site.environment} grafana`);
    },
  });
}

const promille = (value: number) => share(value, 3);
const count = (value: number) => String(Number(value.toFixed(1)));
const noCounter = (name: string) => `the application counts no ..._${name} in Prometheus`;

const business = (name: string, title: string, figure: FigureName, least: number, counter: string): Item =>
  target(`business.${name}`, title, {
    figure,
    bound: () => least,
    atLeast: true,
    show: count,
    none: noCounter(counter),
  });

export const targets: Item[] = [
  target("technical.uptime", "Uptime above 99.9%", {
    figure: "uptime",
    bound: ({ objectives }) => objectives.uptime,
    atLeast: true,
    show: promille,
    none: "the edge was not probed yet",
  }),
  target("technical.p95", "p95 below 200 ms", {
    figure: "p95",
    bound: ({ objectives }) => objectives.p95,
    show: milliseconds,
    none: "no request in five minutes",
  }),
  target("technical.errors", "Errors below 0.1%", {
    figure: "errors",
    bound: ({ objectives }) => objectives.errors,
    show: promille,
    none: "no request in 24 hours",
  }),
  target("technical.database", "Database latency below 100 ms", {
    figure: "database",
    bound: ({ objectives }) => objectives.database,
    show: milliseconds,
    none: "the database was not probed yet",
  }),
  target("technical.cache", "Cache hit rate above 80%", {
    figure: "cache_hits",
    bound: ({ objectives }) => objectives.cache_hits,
    atLeast: true,
    show: (value) => share(value),
    none: "nothing was read of the cache in 30 minutes",
  }),
  business(
    "registrations",
    "Registrations, more than 100 a day",
    "registrations",
    100,
    "registrations_total",
  ),
  business("enrolments", "Course enrolments, more than 50 a day", "enrolments", 50, "enrolments_total"),
  business("matches", "Mentor matches, more than 20 a day", "matches", 20, "mentor_matches_total"),
  business("satisfaction", "Satisfaction above 4.5 of 5", "satisfaction", 4.5, "satisfaction_score"),
  business("nps", "NPS above 50", "nps", 50, "nps_responses_total"),
];
