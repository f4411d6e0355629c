/** A line for each part of a stack, with its mark: what a person looks for after the verdict. */
import { bytes } from "../../generator/report/units.ts";
import { span } from "../operate/ps-text.ts";
import type { Objective } from "./objectives.ts";
import { amount, burnText, leftText, measuredText, TITLES, targetText } from "./objectives-text.ts";
import type { Seen, Status } from "./status.ts";
import { type Area, levelOf } from "./status-judge.ts";
import { idleText, lagOf, newestOf, writerText } from "./status-parts.ts";
import type { Line, Mark } from "./status-text.ts";

export function lines({ seen, said }: Status): Line[] {
  const marked = (area: Area, text: string, known = true): Line => {
    const own = said.filter((one) => one.area === area);
    const mark: Mark = own.some(({ level }) => level === "wrong")
      ? "wrong"
      : !known
        ? "unknown"
        : own.length > 0
          ? "note"
          : "well";
    return { area, title: area, text, mark };
  };
  const figures = "what" in seen.prometheus;
  return [
    marked("services", servicesText(seen)),
    marked("release", releaseText(seen), "what" in seen.release),
    marked("edge", edgeText(seen), figures),
    ...(seen.database ? [marked("database", databaseText(seen), "what" in seen.database)] : []),
    ...(seen.backups ? [marked("backups", backupsText(seen), "what" in seen.backups)] : []),
    marked("disk", diskText(seen), figures && seen.disk.used !== undefined),
    marked("alerts", alertsText(seen), "what" in seen.alerts),
    ...objectiveLines(seen),
  ];
}

function servicesText({ services: { rows } }: Seen): string {
  const own = rows.filter(({ kind }) => kind !== "run" && kind !== "spare");
  const well = own.filter((row) => row.well).length;
  const restarts = own.reduce((sum, row) => sum + (row.restarts ?? 0), 0);
  return `${well} of ${own.length} as they should be${restarts > 0 ? `, ${restarts} restarts so far` : ""}`;
}

function releaseText({ release, now }: Seen): string {
  if ("why" in release) return "not known";
  const { current } = release.what;
  if (!current) return "none was deployed: it was brought up from this folder";
  const since = span(Math.max(0, now - Date.parse(current.created) / 1000));
  return `${current.version} for ${since}, by ${current.by}${current.message ? `: ${current.message}` : ""}`;
}

function edgeText({ edge: { requests, errors, p95 }, prometheus }: Seen): string {
  if (!("what" in prometheus)) return "not known: nothing counts";
  if (requests === undefined) return "no figures yet";
  return [
    `${requests < 10 ? Number(requests.toFixed(1)) : Math.round(requests)} requests/s`,
    ...(errors === undefined ? [] : [`${amount(errors, "ratio")} fail`]),
    ...(p95 === undefined ? [] : [`95% within ${amount(p95, "seconds")}`]),
  ].join(", ");
}

function databaseText({ database }: Seen): string {
  if (!database || "why" in database) return "not known";
  const { nodes, pointer } = database.what;
  const others = nodes.filter(({ name }) => name !== pointer);
  const told = others.map((node) => {
    if (node.fenced) return `${node.name} is fenced`;
    if (node.role !== "standby" || !node.streaming) return idleText(node);
    return `${node.name} follows, ${lagOf(node, nodes)}`;
  });
  return [writerText(pointer, nodes), ...told].join("; ");
}

function backupsText({ backups, objectives }: Seen): string {
  if (!backups || "why" in backups) return "not known";
  const waiting = objectives.objectives.find(({ objective }) => objective === "rpo")?.measured;
  const archive =
    waiting === undefined ? [] : [waiting === 0 ? "archive up to date" : `archive ${span(waiting)} behind`];
  return [...newestOf(backups.what), ...archive].join(", ");
}

function diskText({ disk: { used, free, full, forecast } }: Seen): string {
  const has = [
    ...(used === undefined ? [] : [`${Math.round(100 * used)}% used`]),
    ...(free === undefined ? [] : [`${bytes(free)} free`]),
  ];
  if (has.length === 0) return "not known";
  return [...has, trendText(used !== undefined, forecast, full)].join(", ");
}

function trendText(measured: boolean, forecast: boolean, full: number | undefined): string {
  if (!measured) return "forecast not measured";
  if (!forecast) return "no forecast yet";
  return full === undefined || full > 365 * 86_400 ? "does not fill" : `full in ${span(full)} at this rate`;
}

function alertsText({ alerts }: Seen): string {
  if (!("what" in alerts)) return alerts.off ? "off in stack.yaml" : "not known";
  const { firing, silences } = alerts.what;
  const quiet = firing.filter(({ silenced, inhibited }) => silenced.length + inhibited.length > 0).length;
  const count = (severity: string) => firing.filter((one) => one.severity === severity).length;
  const told = [
    ...(count("page") > 0 ? [`${count("page")} page`] : []),
    ...(count("warn") > 0 ? [`${count("warn")} warn`] : []),
  ];
  return [
    told.length === 0 ? "none fires" : told.join(", "),
    ...(quiet > 0 ? [`${quiet} of them silenced or stood for by another`] : []),
    ...(silences.length > 0
      ? [`${silences.length} ${silences.length === 1 ? "silence" : "silences"} in force`]
      : []),
  ].join(", ");
}

const BAR = 10;

function objectiveLines({ objectives }: Seen): Line[] {
  if (objectives.unknown !== undefined)
    return [{ title: "objectives", text: `not known: ${objectives.unknown}`, mark: "unknown" }];
  const { window, known } = objectives;
  const seen =
    window !== undefined && known !== undefined && known < 0.99 * window ? `, ${span(known)} seen` : "";
  const budget = window === undefined ? "error budget" : `error budget of ${span(window)}${seen}`;
  const heading = `${"promised".padEnd(10)}measured  ${budget}`;
  return [{ title: "", text: heading, mark: "unknown" }, ...objectives.objectives.map(objectiveLine)];
}

function objectiveLine(one: Objective): Line {
  const measured = one.measured === undefined ? (one.note ?? "not known") : measuredText(one);
  const budget =
    one.left === undefined
      ? ""
      : `${bar(one.left)} ${one.left < 0 ? leftText(one.left) : `${leftText(one.left)} left`}${one.burn === undefined ? "" : `, burns ${burnText(one.burn)}`}`;
  return {
    title: TITLES[one.objective],
    text: `${targetText(one).padEnd(10)}${budget === "" ? measured : `${measured.padEnd(10)}${budget}`}`,
    mark: one.verdict === "unknown" ? "unknown" : (levelOf(one) ?? "well"),
  };
}

function bar(left: number): string {
  const full = Math.max(0, Math.min(BAR, Math.round(left * BAR)));
  return `${"█".repeat(full)}${"░".repeat(BAR - full)}`;
}
