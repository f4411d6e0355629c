/** The range of a picture, and what Grafana puts in place of its macros at a panel's width. */
import { dateTime, rangeUtil, type TimeRange } from "@grafana/data";

/** @param back how far it looks back: `30m`, `7d` */
export function rangeUntil(end: number, back: string): TimeRange {
  const from = dateTime(end - rangeUtil.intervalToMs(back));
  const to = dateTime(end);
  return { from, to, raw: { from: `now-${back}`, to: "now" } };
}

export type Pace = {
  /** Milliseconds from one point to the next. */
  step: number;
  macros: Readonly<Record<string, string>>;
};

/**
 * https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/: a point for each pixel, none more
 * often than is scraped; $__rate_interval is the larger of $__interval plus a scrape and of four scrapes.
 */
export function paceOf(range: TimeRange, width: number, scrape: string): Pace {
  const { interval, intervalMs: step } = rangeUtil.calculateInterval(range, width, scrape);
  const seconds = Math.round((range.to.valueOf() - range.from.valueOf()) / 1000);
  const every = rangeUtil.intervalToMs(scrape);
  const macros = {
    __interval: interval,
    __rate_interval: `${Math.max(step + every, 4 * every) / 1000}s`,
    __range: `${seconds}s`,
    __range_s: String(seconds),
  };
  return { step, macros };
}
