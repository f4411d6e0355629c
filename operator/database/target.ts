/** To which moment a database is restored: what a person says, judged before anything is touched. */
import { Problem } from "../problem.ts";

export type Target =
  | { kind: "latest" }
  /** UTC, as PostgreSQL reads it; `at` in seconds of the epoch. */
  | { kind: "time"; time: string; at: number }
  | { kind: "name"; name: string }
  | { kind: "xid"; xid: bigint }
  | { kind: "lsn"; lsn: string };

const FORMS = [
  '"2026-11-20 14:05:00+03"   a moment, with its zone',
  "latest                     everything that there is",
  "v12                        the restore point that a release left",
  "xid:4711                   up to and with that transaction",
  "lsn:0/5000128              up to and with that place in the log",
].join("\n");

const TIME =
  /^(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?\s?(Z|UTC|[+-]\d{2}(?::?\d{2})?)?$/i;

/** @throws Problem (2) for words that are none, or a time that no clock shows */
export function parseTarget(text: string): Target {
  if (text === "latest") return { kind: "latest" };
  const [, prefix, rest = ""] = /^(xid|lsn):(.*)$/s.exec(text) ?? [];
  if (prefix === "xid") return xidOf(rest);
  if (prefix === "lsn") return lsnOf(rest);
  if (/^\d{4}-/.test(text)) return timeOf(text);
  if (/^[A-Za-z_][A-Za-z0-9_.-]{0,62}$/.test(text)) return { kind: "name", name: text };
  throw new Problem(
    `--to ${JSON.stringify(text)} is no moment that can be restored`,
    `Expected:\n${FORMS}`,
    2,
  );
}

function xidOf(text: string): Target {
  if (/^[1-9]\d{0,18}$/.test(text)) return { kind: "xid", xid: BigInt(text) };
  throw new Problem(
    `xid:${text} is no transaction's number`,
    "Expected: xid:4711, as pg_current_xact_id() says it",
    2,
  );
}

function lsnOf(text: string): Target {
  if (/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i.test(text)) return { kind: "lsn", lsn: text.toUpperCase() };
  throw new Problem(
    `lsn:${text} is no place in the log`,
    "Expected: lsn:0/5000128, as pg_current_wal_lsn() says it",
    2,
  );
}

function timeOf(text: string): Target {
  const [, year, month, day, hour, minute, second = "00", fraction = "", zone] = TIME.exec(text) ?? [];
  if (year === undefined)
    throw new Problem(
      `--to ${JSON.stringify(text)} is not a time`,
      'Expected: --to "2026-11-20 14:05:00+03", with its zone',
      2,
    );
  if (zone === undefined)
    throw new Problem(
      `--to ${JSON.stringify(text)} has no zone: the database's clock is UTC, yours may not be`,
      `Say which is meant: --to "${text}Z" for UTC, --to "${text}+03" for three hours east of it`,
      2,
    );
  const numbers = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [y, m, d, h, min, s] = numbers;
  const wall = new Date(Date.UTC(y, m - 1, d, h, min, s));
  const shift = shiftOf(zone);
  // JavaScript makes 3 March of 31 February; a person who typed it meant something else.
  if (
    wall.getUTCMonth() !== m - 1 ||
    wall.getUTCDate() !== d ||
    h > 23 ||
    min > 59 ||
    s > 59 ||
    shift === undefined
  )
    throw new Problem(`--to ${JSON.stringify(text)}: no clock ever shows that`, undefined, 2);
  const utc = new Date(wall.getTime() - shift * 60_000);
  const time = `${utc.toISOString().slice(0, 19).replace("T", " ")}${fraction}+00`;
  return { kind: "time", time, at: utc.getTime() / 1000 + Number(`0${fraction || ".0"}`) };
}

/** Minutes east of UTC. */
function shiftOf(zone: string): number | undefined {
  if (/^(Z|UTC)$/i.test(zone)) return 0;
  const [, sign, hours, minutes = "0"] = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone) ?? [];
  if (Number(hours) > 15 || Number(minutes) > 59) return undefined;
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

/** For people and the audit. */
export function targetText(target: Target): string {
  switch (target.kind) {
    case "latest":
      return "the latest there is";
    case "time":
      return target.time;
    case "name":
      return `the restore point ${target.name}`;
    case "xid":
      return `transaction ${target.xid}`;
    case "lsn":
      return `log position ${target.lsn}`;
  }
}

/** As a script takes it, beside its kind; `-` where the kind says all. */
export function placeOf(target: Target): string {
  switch (target.kind) {
    case "latest":
      return "-";
    case "time":
      return target.time;
    case "name":
      return target.name;
    case "xid":
      return String(target.xid);
    case "lsn":
      return target.lsn;
  }
}
