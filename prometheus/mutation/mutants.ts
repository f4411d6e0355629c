/** Rules changed in one place each: a threshold, a comparison, a `for:`. A test that does not notice is too wide. */
import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import type { Rule } from "./rules.ts";

export type Mutant = { rule: string; change: string; changed: Rule };

const OPPOSITE: Readonly<Record<string, string>> = {
  ">": "<=",
  "<": ">=",
  ">=": "<",
  "<=": ">",
  "==": "!=",
  "!=": "==",
};

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
/** Functions whose first number is no threshold but a place on a scale: what a percentile is of. */
const NO_THRESHOLD = /histogram_quantile\(\s*$/;

/** @throws where the expression is no PromQL */
export function mutantsOf(rule: Rule): Mutant[] {
  const name = rule.alert ?? rule.record ?? "";
  const of = (change: string, changed: Partial<Rule>) => ({
    rule: name,
    change,
    changed: { ...rule, ...changed },
  });
  const inExpression = changesOf(rule.expr).map(({ from, to, text }) =>
    of(`${excerpt(rule.expr, from, to)} becomes ${text.trim()}`, {
      expr: rule.expr.slice(0, from) + text + rule.expr.slice(to),
    }),
  );
  if (rule.for === undefined) return inExpression;
  return [...inExpression, ...durations(rule.for).map((value) => of(`for: ${value}`, { for: value }))];
}

type Change = { from: number; to: number; text: string };

function changesOf(expression: string): Change[] {
  const changes: Change[] = [];
  parser.parse(expression).iterate({
    enter({ type, from, to, node }) {
      if (type.isError) throw new Error(`no PromQL: ${expression}`);
      const text = expression.slice(from, to);
      const opposite = OPPOSITE[text];
      if (/^(Eql|Neq|Lte|Lss|Gte|Gtr)/.test(type.name) && opposite && node.parent?.name === "BinaryExpr")
        changes.push({ from, to, text: opposite });
      if (type.name === "NumberDurationLiteral" && !NO_THRESHOLD.test(expression.slice(0, from)))
        for (const value of numbers(Number(text), isGuard(node))) changes.push({ from, to, text: value });
      // A threshold of the stack's own.
      if (type.name === "FunctionCall" && text.startsWith("scalar("))
        for (const factor of ["0.8", "1.25"]) changes.push({ from, to, text: `(${factor} * ${text})` });
    },
  });
  return changes;
}

/** `… / (x > 0)`: keeps a division from being one by nothing. A higher number there would mean nothing. */
function isGuard(node: SyntaxNode): boolean {
  const outside = node.parent?.parent;
  return outside?.name === "ParenExpr" && outside.prevSibling?.name === "Div";
}

/** Whole numbers by one, or by a quarter where that is more; others by a quarter. None is not two: a count may be one. */
function numbers(value: number, guard: boolean): string[] {
  if (!Number.isFinite(value)) return [];
  const step = Number.isInteger(value) ? Math.max(1, Math.round(Math.abs(value) / 4)) : Math.abs(value) / 4;
  const higher = value === 0 ? 2 : value + step;
  return [value - step, ...(guard ? [] : [higher])].map((number) =>
    number < 0 ? `(${number})` : String(number),
  );
}

/** Half and twice. Tests look once a minute, so that below two of them the shorter one is none at all. */
function durations(text: string): string[] {
  const [, digits, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined) throw new Error(`for: ${text} is no single duration`);
  const seconds = Number(digits) * (UNITS[unit] ?? 0);
  return [seconds >= 120 ? seconds / 2 : 0, Math.max(seconds * 2, 120)].map((value) => `${value}s`);
}

function excerpt(expression: string, from: number, to: number): string {
  return `${expression.slice(Math.max(0, from - 25), from)}<<${expression.slice(from, to)}>>`;
}
