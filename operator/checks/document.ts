/** docs/checklist.md: every item, in the order of the plan. */
import { groupOf, groups, type Item, lists } from "./item.ts";

const HOW: Record<Item["how"], string> = {
  automatic: "found out",
  person: "a person",
};

export function checklistPage(items: readonly Item[]): string {
  const blocks = Object.entries(lists).map(([list, title]) => {
    const own = items.filter(({ id }) => groups[groupOf(id)]?.list === list);
    return `## ${title}\n\n| item | asks | who answers | |\n| --- | --- | --- | --- |\n${own.map(row).join("\n")}\n`;
  });
  return `# The checklist\n\n${INTRODUCTION}\n\n${blocks.join("\n")}`;
}

function row({ id, title, how, required, holds }: Item): string {
  const kept = how === "automatic" ? "" : holds === "release" ? ", for one release" : `, for ${holds} days`;
  return `| \`${id}\` | ${title} | ${HOW[how]}${kept} | ${required ? "required" : "advised"} |`;
}

const INTRODUCTION = `\`plimsoll check production\` asks all of this: before a deploy, on the day, and after it. This page is made from the
code (\`npx vitest run --project unit operator/checks -u\`).

- \`passed\`, \`failed\`: it was found out; the line says the figure. A required one that failed ends the command with 1.
- \`unavailable\`: it cannot be found out here and now, or does not apply; the line says why.
- \`unconfirmed\`: only a person can say. \`plimsoll check production --confirm before.review --by ana --note "all of v13"\`
  keeps their word on the host, for one release (the next one for what comes before a deploy, the current one for what
  comes after it) or for so many days. A word overrules no finding.

\`--only code,host.disk,targets\` asks some: items, groups or lists. \`--json\` prints what was found.

A check reads, and changes nothing. What it runs: the application's tests and linter on this machine (\`api.checks.test\`,
\`api.checks.lint\`), one script on the host, one that asks the containers, and one that lists the image's files (a container that
is made, read and removed without being started). \`performance.p95\` reads the report of
\`plimsoll load staging\`.`;
