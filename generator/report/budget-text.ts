/** The budget in a terminal: bars under the line. */

import { GiB } from "../spec/words.ts";
import { type BudgetReport, type BudgetRow, diskOf } from "./budget.ts";
import type { Paint } from "./paint.ts";
import { bytes, joinNames, percent, wrap } from "./units.ts";

/** The mark on a hull: a circle with a line through it. */
const MARK = "⊖";

const MEMORY = 8;
const CPU = 6;
const CAP = 5;
const DISK = 8;

export function budgetText(report: BudgetReport, { width, paint }: { width: number; paint: Paint }): string {
  const names = report.groups.flatMap(({ component, rows }) => [
    component,
    ...rows.map((row) => `  ${row.service}`),
  ]);
  const name = Math.min(Math.max(12, ...names.map((text) => text.length)), 30);
  const bar = Math.max(6, width - name - MEMORY - CPU - CAP - DISK - 4);
  const largest = Math.max(1, ...report.groups.flatMap(({ rows }) => rows.map((row) => row.memory)));
  const columns = (label: string, memory: string, middle: string, cpu = "", cap = "", disk = "") =>
    `  ${padTo(label, name)}${memory.padStart(MEMORY)}  ${middle}${cpu.padStart(CPU)}${cap.padStart(CAP)}${disk.padStart(DISK)}`.trimEnd();
  const row = (entry: BudgetRow) =>
    columns(
      `  ${entry.service}`,
      bytes(entry.memory),
      paint("cyan", barOf(entry.memory / largest, bar)),
      percent(entry.cpu_share, 1),
      String(Number(entry.cpus.toFixed(2))),
      diskOf(entry) > 0 ? bytes(diskOf(entry)) : "",
    );
  const lines = [
    ...head(report, width, paint),
    "",
    paint("dim", columns("", "memory", " ".repeat(bar), "CPU", "max", "disk")),
    ...report.groups.flatMap(({ component, memory, rows }) => [
      columns(component, bytes(memory), "").replace(component, paint("bold", component)),
      ...rows.map(row),
    ]),
    ...(report.reserves.length > 0
      ? [
          `  ${paint("bold", "kept free")}`,
          ...report.reserves.map(
            (entry) => `  ${" ".repeat(name)}${bytes(entry.memory).padStart(MEMORY)}  ${entry.service}`,
          ),
        ]
      : []),
    "",
    ...diskLine(report, width, paint),
    ...report.absent.flatMap(({ component, why }) => wrap(`left out: ${component}, since ${why}`, width, 2)),
    ...settingsText(report, width, paint),
  ];
  return `${lines.join("\n")}\n`;
}

function head(report: BudgetReport, width: number, paint: Paint): string[] {
  const { machine, memory } = report;
  const slug =
    machine.slug === "custom"
      ? machine.spared
        ? "what a laptop spares"
        : "a machine of one's own"
      : machine.slug;
  const price = machine.price === undefined ? "" : `, $${machine.price} a month`;
  const title = `${report.stack} in ${report.environment}`;
  const what = `${slug}: ${machine.cpus} vCPU, ${bytes(machine.memory)}, disk ${bytes(machine.disk)}${price}`;
  const words = ` ${bytes(memory.line)} may be loaded, ${bytes(memory.loaded)} is (${percent(memory.loaded, memory.line)}) `;
  const mark = `──${MARK}──`;
  const rest = Math.max(2, width - 2 - mark.length - words.length);
  return [
    paint("bold", title),
    what,
    "",
    `  ${bytes(memory.host).padStart(8)} of ${bytes(memory.total)} ${memory.host > 0 ? "is kept for the host" : "is the host's: all of it may be used"}`,
    `  ${paint("blue", mark)}${paint("bold", words)}${paint("blue", "─".repeat(rest))}`,
  ];
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A bar of `share` of the width, in eighths of a column; the rest is filled with blanks. */
export function barOf(share: number, width: number): string {
  const eighths = Math.max(1, Math.round(share * width * 8));
  const whole = Math.floor(eighths / 8);
  const bar = `${"█".repeat(whole)}${EIGHTHS[eighths % 8]}`;
  return bar.padEnd(width);
}

function diskLine({ disk }: BudgetReport, width: number, paint: Paint): string[] {
  const free = disk.line - disk.loaded;
  const parts = [
    `${bytes(disk.host)} for the system, images and logs`,
    `${bytes(disk.loaded)} for volumes`,
    ...(free >= GiB ? [`${bytes(free)} free`] : []),
  ];
  const [first = "", ...more] = wrap(`${bytes(disk.total)}: ${parts.join(", ")}`, width - 8);
  return [`  ${paint("bold", "disk")}  ${first}`, ...more.map((line) => `        ${line}`)];
}

function settingsText({ settings }: BudgetReport, width: number, paint: Paint): string[] {
  if (settings.length === 0) return [];
  const lines: string[] = ["", paint("bold", "What follows from it")];
  let before = "";
  for (const { services, setting, value, because } of settings) {
    const who = joinNames(services);
    if (who !== before) lines.push(...wrap(who, width, 2));
    before = who;
    const said = `    ${setting}  ${value}`;
    const painted = `    ${setting}  ${paint("cyan", value)}`;
    if (said.length + 2 + because.length <= width) lines.push(`${painted}  ${paint("dim", because)}`);
    else lines.push(painted, ...wrap(because, width, 8).map((line) => paint("dim", line)));
  }
  return lines;
}

function padTo(text: string, width: number): string {
  return text.length <= width ? text.padEnd(width) : `${text.slice(0, width - 1)}…`;
}
