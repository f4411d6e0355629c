/** A diff for people: files first, then services, and last what matters most, the containers. */
import { CONFIG_LABEL } from "../render/compose.ts";
import type { KeyChange, ServiceDiff } from "./compose-diff.ts";
import { type DiffReport, effects, type FileDiff } from "./diff.ts";
import { type Paint, printable } from "./paint.ts";
import { groupBy, joinNames } from "./units.ts";

/** Files whose lines would say twice what stands below, service by service. */
const SAID_BELOW = new Set(["compose.yaml", "plan.json"]);

export function diffText(report: DiffReport, { width, paint }: { width: number; paint: Paint }): string {
  const title = paint("bold", report.folder);
  const { files, services, elsewhere } = report;
  if (files.length === 0) return `${title}: no difference\n`;
  const lines = [title, "", ...files.flatMap((file) => fileText(file, paint))];
  if (services.length > 0 || elsewhere.length > 0) {
    lines.push("", paint("bold", "Services"), "");
    const alike = groupBy(services, ({ kind, keys, files, service }) =>
      kind === "change" ? JSON.stringify([keys, files]) : `${kind} ${service}`,
    );
    lines.push(...[...alike.values()].flatMap((members) => serviceText(members, width, paint)));
    lines.push(...elsewhere.flatMap((change) => keyText(change, width, paint, "  ")));
  }
  lines.push("", paint("bold", "Containers, at the next docker compose up"), "");
  lines.push(...containersText(report, width, paint));
  if (report.foreign.length > 0) {
    lines.push("", paint("yellow", "A generate refuses to replace these without --force"), "");
    lines.push(...report.foreign.map(({ path, why }) => `  ${path} ${why}`));
  }
  return `${lines.join("\n")}\n`;
}

const SIGNS = {
  add: ["+", "green"],
  remove: ["-", "red"],
  change: ["~", "yellow"],
  same: [" ", "dim"],
} as const;

function fileText(file: FileDiff, paint: Paint): string[] {
  const [sign, colour] = SIGNS[file.kind];
  const counts = [file.added > 0 ? `+${file.added}` : "", file.removed > 0 ? `-${file.removed}` : ""].filter(
    Boolean,
  );
  const mode = file.patch === undefined ? "its mode" : "";
  const head =
    `  ${paint(colour, `${sign} ${file.path}`)}  ${paint("dim", counts.join(" ") || mode)}`.trimEnd();
  if (file.kind !== "change" || file.patch === undefined || SAID_BELOW.has(file.path)) return [head];
  // The two lines that name the file are said by the head.
  const body = file.patch.replace(/\n$/, "").split("\n").slice(4);
  return [head, ...body.map((line) => `    ${paintLine(printable(line), paint)}`), ""];
}

function paintLine(line: string, paint: Paint): string {
  if (line.startsWith("+")) return paint("green", line);
  if (line.startsWith("-")) return paint("red", line);
  return line.startsWith("@@") ? paint("cyan", line) : line;
}

/** Services with the same changes are shown once. */
function serviceText(alike: readonly ServiceDiff[], width: number, paint: Paint): string[] {
  const [first] = alike as [ServiceDiff];
  // Its container is touched by what happens to others; the last part says so.
  if (first.kind === "same") return [];
  const [sign, colour] = SIGNS[first.kind];
  const names = joinNames(alike.map(({ service }) => service));
  return [
    `  ${paint(colour, `${sign} ${names}`)}`,
    ...first.keys
      .filter((change) => !(first.files.length > 0 && change.key === `labels.${CONFIG_LABEL}`))
      .filter(
        (change) => !(change.key === "memswap_limit" && first.keys.some(({ key }) => key === "mem_limit")),
      )
      .flatMap((change) => keyText(change, width, paint, "      ")),
    ...first.files.map((file) => `      ${paint("yellow", `~ ${file}`)}  needs a restart`),
  ];
}

function keyText({ key, before, after }: KeyChange, width: number, paint: Paint, indent: string): string[] {
  if (Array.isArray(before) && Array.isArray(after)) {
    const gone = before.filter((entry) => !after.includes(entry));
    const come = after.filter((entry) => !before.includes(entry));
    const inner = `${indent}    `;
    const line = (sign: string, entry: unknown) =>
      `${inner}${sign} ${short(entry, width - inner.length - 2)}`;
    return [
      `${indent}${paint("yellow", `~ ${key}`)}${gone.length + come.length === 0 ? "  in another order" : ""}`,
      ...gone.map((entry) => paint("red", line("-", entry))),
      ...come.map((entry) => paint("green", line("+", entry))),
    ];
  }
  const room = Math.max(24, width - indent.length - key.length - 4);
  if (before === undefined)
    return [`${indent}${paint("green", `+ ${key}`)}  ${short(after, room)}`.trimEnd()];
  if (after === undefined) return [`${indent}${paint("red", `- ${key}`)}  ${short(before, room)}`.trimEnd()];
  const [from, to] = shortPair(before, after, Math.floor((room - 3) / 2));
  return [`${indent}${paint("yellow", `~ ${key}`)}  ${from} → ${to}`];
}

function short(value: unknown, room: number): string {
  if (value === null || value === undefined) return "";
  const text = printable(typeof value === "string" ? value : JSON.stringify(value)).replaceAll("\n", "↵");
  return text.length <= room ? text : `${text.slice(0, room - 1)}…`;
}

/** Two long values begin where they differ. */
function shortPair(before: unknown, after: unknown, room: number): [string, string] {
  const [a, b] = [short(before, 10_000), short(after, 10_000)];
  let same = 0;
  if (Math.max(a.length, b.length) > room) while (same < a.length && a[same] === b[same]) same += 1;
  const from = Math.max(0, same - 8);
  const cut = (text: string) => (from > 0 ? `…${text.slice(from)}` : text);
  return [short(cut(a), room), short(cut(b), room)];
}

function containersText(report: DiffReport, width: number, paint: Paint): string[] {
  const { create, recreate, restart, remove } = effects(report);
  const names = (diffs: readonly ServiceDiff[]) => diffs.map(({ service }) => service).join(", ");
  const lines: string[] = [];
  const because = (diffs: readonly ServiceDiff[], word: string) => {
    const wide = Math.max(...diffs.map(({ service }) => service.length));
    for (const { service, why } of diffs) {
      lines.push(
        `  ${paint("yellow", word)}  ${service.padEnd(wide)}  ${few(why, width - wide - word.length - 8)}`,
      );
    }
  };
  if (recreate.length > 0) because(recreate, "recreated");
  if (restart.length > 0) because(restart, "restarted");
  if (create.length > 0)
    lines.push(...hang(`  ${"created"}    `, names(create), width, (text) => paint("green", text)));
  if (remove.length > 0) {
    lines.push(...hang("  left over  ", names(remove), width, (text) => paint("red", text)));
    lines.push("             they run on until docker compose up --remove-orphans");
  }
  for (const { key, before } of report.elsewhere) {
    if (key.startsWith("volumes.") && before !== undefined) {
      lines.push(
        `  kept       the volume ${key.slice("volumes.".length)}, with its data: nothing removes it by itself`,
      );
    }
    if (key === "name" && before !== undefined) {
      lines.push(
        `  kept       the project ${String(before)} goes on running beside, with its own volumes and its data`,
      );
    }
  }
  return lines.length > 0 ? lines : ["  none is touched: a reload, or nothing at all, takes the changes in"];
}

/** As many reasons as fit in a line. */
function few(why: readonly string[], room: number): string {
  let text = "";
  for (const [index, reason] of why.entries()) {
    const next = text === "" ? reason : `${text}, ${reason}`;
    const left = why.length - index;
    if (text !== "" && next.length > room - 12) return `${text} and ${left} more`;
    text = next;
  }
  return text;
}

/** A list of names, broken where the line ends. */
function hang(label: string, text: string, width: number, colour: (text: string) => string): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) as string;
    if (last !== "" && label.length + last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.map((line, index) => `${index === 0 ? label : " ".repeat(label.length)}${colour(line)}`);
}
