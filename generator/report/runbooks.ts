/** The headings of docs/runbooks/alerts: one for each alert. */
import { listOwn, readOwn } from "../package.ts";

/** From the root of the package. */
export const RUNBOOKS = "docs/runbooks";

const ALERTS = `${RUNBOOKS}/alerts`;

/** `page` is from docs/runbooks; `text` is what stands under the heading, with it. */
export type Runbook = { alert: string; page: string; text: string };

export function runbooks(): Runbook[] {
  return listOwn(ALERTS)
    .filter((file) => file !== "README.md")
    .flatMap((file) => sections(`alerts/${file}`, readOwn(`${ALERTS}/${file}`)));
}

function sections(page: string, markdown: string): Runbook[] {
  return markdown
    .split(/^(?=## )/m)
    .slice(1)
    .map((text) => ({ alert: /^## (.*)$/m.exec(text)?.[1] ?? "", page, text: text.trim() }));
}

/** The value of one of its lines (`Means`), on one line; undefined where it has none. */
export function lineOf({ text }: Runbook, word: string): string | undefined {
  const match = new RegExp(`^- \\*\\*${word}\\*\\*: ((?:.|\\n(?!- \\*\\*))*)`, "m").exec(text);
  return match?.[1]?.replace(/\s*\n\s*/g, " ").trim();
}
