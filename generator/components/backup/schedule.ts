/** What follows from a cron schedule: how long it may leave between two runs, and when to look at what it left. */
import type { Backup } from "./options.ts";

const DAY = 86_400;

/** When the newest backup is proven: long enough after it was made. */
export function verifySchedule({ verify, schedule }: Pick<Backup, "verify" | "schedule">): string {
  return verify ?? dailyAfter(schedule, 2);
}

function matches(field: string, value: number, low: number, high: number): boolean {
  return field.split(",").some((part) => {
    const [range, step] = part.split("/") as [string, string | undefined];
    const [from, to] = (range === "*" ? [low, high] : range.split("-").map(Number)) as [number, number?];
    const last = to ?? (step === undefined ? from : high);
    return value >= from && value <= last && (value - from) % Number(step ?? 1) === 0;
  });
}

/** Seconds; for schedules that name days, the gap is counted in whole days. @param schedule five fields */
export function longestGap(schedule: string): number {
  const [minute, hour, day, month, weekday] = schedule.split(" ") as [string, string, string, string, string];
  if (day === "*" && month === "*" && weekday === "*") return gapWithinDay(minute, hour);
  if (month !== "*") return 366 * DAY;
  if (day !== "*") return 31 * DAY;
  const days = [...Array(7).keys()].filter(
    (value) => matches(weekday, value, 0, 7) || (value === 0 && matches(weekday, 7, 0, 7)),
  );
  const gaps = days.map(
    (value, index) => (((days[index + 1] ?? (days[0] as number) + 7) - value) as number) * DAY,
  );
  return Math.max(...gaps);
}

/** Every day, so many hours after the first time of a day at which `schedule` is due. */
export function dailyAfter(schedule: string, hours: number): string {
  const [minute, hour] = schedule.split(" ") as [string, string];
  const first = timesOfDay(minute, hour)[0] ?? 0;
  return `${first % 60} ${(Math.floor(first / 60) + hours) % 24} * * *`;
}

function gapWithinDay(minute: string, hour: string): number {
  const times = timesOfDay(minute, hour);
  const first = times[0] ?? 0;
  return Math.max(...times.map((at, index) => (times[index + 1] ?? first + 1440) - at)) * 60;
}

/** In minutes since midnight. */
function timesOfDay(minute: string, hour: string): number[] {
  return [...Array(1440).keys()].filter(
    (at) => matches(hour, Math.floor(at / 60), 0, 23) && matches(minute, at % 60, 0, 59),
  );
}
