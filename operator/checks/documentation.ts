/** Documentation: the pages that must be there, looked for in what git tracks. */
import type { CheckContext } from "./context.ts";
import { automatic, failed, type Item, passed, person, unavailable, type Verdict } from "./item.ts";
import { trackedFiles } from "./sources.ts";

function page(pattern: RegExp, example: string) {
  return async (context: CheckContext): Promise<Verdict> => {
    const tracked = await trackedFiles(context);
    if (!tracked) return unavailable(`${context.stackFolder} is in no git repository`);
    const found = tracked.files.filter((path) => pattern.test(path));
    if (found.length === 0) return failed("no such page", `Write ${example}`);
    return passed(`${found[0]}${found.length > 1 ? ` and ${found.length - 1} more` : ""}`);
  };
}

const of = (id: string, title: string, pattern: RegExp, example: string): Item =>
  automatic({ id: `documentation.${id}`, title, required: false, run: page(pattern, example) });

export const documentation: Item[] = [
  of(
    "api",
    "API documentation",
    /(^|\/)((openapi|swagger)[^/]*\.(ya?ml|json)|docs\/(.*\/)?api[^/]*\.md|api\/README\.md)$/i,
    "docs/api.md, or openapi.yaml",
  ),
  of(
    "guide",
    "Deployment guide",
    /(^|\/)(deploy[^/]*\.md|docs\/(.*\/)?deploy[^/]*\.md)$/i,
    "docs/runbooks/deploy.md",
  ),
  of("runbook", "Runbook", /(^|\/)(runbooks?\/[^/]+\.md|runbook[^/]*\.md)$/i, "docs/runbooks/"),
  of(
    "incidents",
    "Incident response plan",
    /(^|\/)[^/]*(incident|host-loss|disaster)[^/]*\.md$/i,
    "docs/incident-response.md",
  ),
  person({
    id: "documentation.team",
    title: "Team trained",
    hint: "each has deployed and rolled back once, on staging",
    holds: 180,
  }),
];
