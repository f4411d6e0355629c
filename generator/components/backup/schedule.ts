/** How long a cron schedule may leave between two runs. */
const DAY = 86_400;

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

function gapWithinDay(minute: string, hour: string): number {
  const times: number[] = [];
  for (let at = 0; at < 1440; at++) {
    if (matches(hour, Math.floor(at / 60), 0, 23) && matches(minute, at % 60, 0, 59)) times.push(at);
  }
  const first = times[0] ?? 0;
  return Math.max(...times.map((at, index) => (times[index + 1] ?? first + 1440) - at)) * 60;
}
