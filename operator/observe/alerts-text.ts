/** `alerts list` for people. */
import { type Paint, printable } from "../../generator/report/paint.ts";
import { wrap } from "../../generator/report/units.ts";
import { span } from "../operate/ps-text.ts";
import { type Firing, isQuiet, type Silence } from "./alerts.ts";

export type AlertsFound = {
  /** Seconds of the epoch. */
  now: number;
  firing: Firing[];
  silences: Silence[];
  /** False where the dead man's switch is silent: what is listed may not be all. */
  watched: boolean;
};

export function alertsText(
  { now, firing, silences, watched }: AlertsFound,
  paint: Paint,
  width: number,
): string {
  return [
    ...(watched
      ? []
      : [
          paint(
            "red",
            "The watchdog does not fire: Prometheus hands no alerts over, so this may not be all.",
          ),
        ]),
    ...(firing.length === 0
      ? [watched ? paint("green", "Nothing fires.") : "Nothing is known to fire."]
      : []),
    ...firing.flatMap((one) => [...alertLines(one, now, paint, width), ""]),
    ...(silences.length > 0 ? [paint("dim", "SILENCES")] : []),
    ...silences.map((one) => silenceText(one, now)),
  ]
    .join("\n")
    .trimEnd();
}

function alertLines(one: Firing, now: number, paint: Paint, width: number): string[] {
  const style = isQuiet(one) ? "dim" : one.severity === "page" ? "red" : "yellow";
  const labels = Object.entries(one.labels).map(([name, value]) => `${name}=${printable(value)}`);
  const told = [
    ...one.silenced.map(
      ({ id, by, until, reason }) =>
        `silenced by ${printable(by)} for another ${span(Math.max(0, until - now))}: ${printable(reason)} (${id.slice(0, 8)})`,
    ),
    ...(one.inhibited.length > 0 ? [`not told: ${one.inhibited.join(", ")} stands for it`] : []),
  ];
  return [
    `${paint(style, `${one.severity.padEnd(4)}  ${one.alert}`)}  ${paint("dim", [`since ${span(Math.max(0, now - one.since))}`, ...labels].join("  "))}`,
    ...[one.summary, one.description].flatMap((text) => wrap(printable(text), width, 6)),
    ...(one.runbook ? [`      ${paint("dim", `what to do: ${printable(one.runbook)}`)}`] : []),
    ...told.map((text) => `      ${paint("dim", text)}`),
  ];
}

export function silenceText({ id, matchers, by, reason, state, until, from }: Silence, now: number): string {
  const time =
    state === "pending"
      ? `begins in ${span(Math.max(0, from - now))}`
      : `for another ${span(Math.max(0, until - now))}`;
  return `${id.slice(0, 8)}  ${printable(matchers)}  ${time}, by ${printable(by)}: ${printable(reason)}`;
}
