import type { Cost } from "./cost.ts";
import type { Paint } from "./paint.ts";
import type { Price } from "./prices.ts";

export function costText(cost: Cost, paint: Paint): string {
  const { items, total, replaced, saved } = cost;
  const lines = [
    `${paint("bold", `${cost.stack} in ${cost.environment}`)}: dollars a month, as listed on ${cost.prices_of}`,
    "",
    ...(total === undefined
      ? ["  a machine of your own: its price is not known here", ...items.map((item) => row(item, paint))]
      : [...items.map((item) => row(item, paint)), ...ruled("together", total, paint)]),
    "",
    `${paint("bold", "The bill it replaces")}: Heroku and what stood beside it`,
    "",
    ...replaced.items.map((item) => row(item, paint)),
    ...ruled("together", replaced.total, paint),
  ];
  if (saved !== undefined) {
    const share = Math.round((100 * Math.abs(saved)) / replaced.total);
    const word = saved >= 0 ? "less" : "more";
    const year = money(Math.abs(saved) * 12);
    lines.push(
      "",
      paint(
        saved >= 0 ? "green" : "yellow",
        `  ${money(Math.abs(saved))} ${word} a month (${share}%), ${year} a year`,
      ),
    );
  }
  return `${lines.join("\n")}\n`;
}

const WHAT = 31;
const PRICE = 10;

function row({ what, price, note }: Price, paint: Paint): string {
  const text = `  ${what.padEnd(WHAT)}${money(price).padStart(PRICE)}`;
  return note ? `${text}  ${paint("dim", note)}` : text;
}

function ruled(what: string, total: number, paint: Paint): string[] {
  return [
    `  ${paint("dim", "─".repeat(WHAT + PRICE))}`,
    `  ${what.padEnd(WHAT)}${paint("bold", money(total).padStart(PRICE))}`,
  ];
}

function money(dollars: number): string {
  const [whole, cents] = dollars.toFixed(2).split(".") as [string, string];
  return `$${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${cents}`;
}
