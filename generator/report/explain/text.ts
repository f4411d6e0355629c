/** An explanation for people: what the service was granted, and its keys, gathered by where they came from. */
import { type Paint, printable } from "../paint.ts";
import { bytes, percent, wrap } from "../units.ts";
import type { Explained, Explanation, Origin } from "./explain.ts";

export function explainText(found: Explanation, { width, paint }: { width: number; paint: Paint }): string {
  const { service, stack, environment, component } = found;
  return `${[
    `${paint("bold", service)} of ${stack} in ${environment}: a service of the ${component} component`,
    ...(found.there.length > 0 ? [`  there because of ${found.there.map(originText).join("; ")}`] : []),
    "",
    paint("bold", "Granted"),
    ...grantText(found, width, paint),
    ...(found.settings.length > 0 ? ["", paint("bold", "Settings that follow")] : []),
    ...found.settings.flatMap(({ setting, value, because }) => [
      `  ${setting}  ${paint("cyan", value)}`,
      ...wrap(because, width, 6).map((line) => paint("dim", line)),
    ]),
    "",
    paint("bold", "In compose.yaml"),
    ...keysText(found.keys, width, paint),
  ].join("\n")}\n`;
}

function grantText({ row, claim, weights }: Explanation, width: number, paint: Paint): string[] {
  const memory = claim?.memory;
  const parts = memory && [
    `at least ${bytes(memory.floor)}`,
    ...(memory.weight > 0 ? [`${memory.weight} of ${weights} parts of what is left over`] : []),
    ...(memory.ceiling === undefined ? [] : [`at most ${bytes(memory.ceiling)}`]),
  ];
  const line = (what: string, value: string, why: string) => {
    const [first = "", ...more] = wrap(why, width - 24);
    return [
      `  ${what.padEnd(10)}${paint("cyan", value.padEnd(10))}  ${paint("dim", first)}`.trimEnd(),
      ...more.map((text) => `${" ".repeat(24)}${paint("dim", text)}`),
    ];
  };
  return [
    ...line("memory", bytes(row.memory), parts?.join(", ") ?? ""),
    ...line(
      "processor",
      `${Number(row.cpus.toFixed(2))}`,
      `cores at most; ${percent(row.cpu_share, 1)} of the machine while all services want it`,
    ),
    ...line("processes", String(row.pids), "and threads, all together"),
    ...Object.entries(row.disk).flatMap(([volume, size]) =>
      line("disk", bytes(size), `for the volume ${volume}`),
    ),
  ];
}

/** In the order of how near they are to the user. */
const SECTIONS: readonly { title: string; has: readonly Origin["from"][] }[] = [
  { title: "by overrides.yaml", has: ["overrides"] },
  { title: "by stack.yaml", has: ["stack"] },
  { title: "by default; stack.yaml may say otherwise", has: ["default"] },
  { title: "by the budget", has: ["budget"] },
  { title: "offered to the application", has: ["offered"] },
  { title: "by the component", has: ["component", "files"] },
  { title: "by the house: every service has it", has: ["house"] },
];

function keysText(keys: readonly Explained[], width: number, paint: Paint): string[] {
  return SECTIONS.flatMap(({ title, has }) => {
    const members = keys.filter(({ origins }) => has.includes((origins[0] as Origin).from));
    if (members.length === 0) return [];
    const wide = Math.min(36, Math.max(...members.map(({ key }) => key.length)));
    return [`  ${paint("dim", title)}`, ...members.flatMap((entry) => keyText(entry, wide, width, paint))];
  });
}

function keyText({ key, value, origins }: Explained, wide: number, width: number, paint: Paint): string[] {
  const mixed = (origins[0] as Origin).from !== "default";
  const why = origins
    .map((origin) =>
      mixed && origin.from === "default" ? `${originText(origin)} by default` : originText(origin),
    )
    .filter((text) => text !== "");
  const said = why.length > 3 ? `${why.slice(0, 3).join("; ")} and ${why.length - 3} more` : why.join("; ");
  const start = `    ${key.padEnd(wide)}  `;
  const room = Math.max(12, width - start.length);
  const line = `${start}${paint("cyan", cut(value, room))}`.trimEnd();
  if (said === "") return [line];
  const shown = cut(value, room);
  if (start.length + shown.length + 2 + said.length <= width) return [`${line}  ${paint("dim", said)}`];
  return [line, ...wrap(said, width, 8).map((text) => paint("dim", text))];
}

function cut(text: string, width: number): string {
  const shown = printable(text);
  return shown.length <= width ? shown : `${shown.slice(0, width - 1)}…`;
}

/** What the section's title does not say. */
function originText(origin: Origin): string {
  switch (origin.from) {
    case "stack":
      return `${origin.word} (${fileOnly(origin.at)})`;
    case "overrides":
      return fileOnly(origin.at);
    case "default":
      return origin.word;
    case "budget":
      return origin.of;
    case "offered":
      return origin.name;
    case "files":
      return "the hash of its files";
    case "house":
    case "component":
      return "";
  }
}

function fileOnly(place: string): string {
  return place.split("/").at(-1) as string;
}
