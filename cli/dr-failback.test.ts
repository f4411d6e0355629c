import { expect, it } from "vitest";
import { lossText, nextText } from "./dr-failback.ts";

const end = { timeline: 3, lsn: "0/6000000" };

it("says that nothing is lost only where the new site was held against the end of the log", () => {
  expect(lossText({ from: "deploy@old", end, checked: true })).toEqual([
    "RPO 0: the log of deploy@old ended at 0/6000000 on timeline 3, and the new site goes on from there.",
  ]);
  const [line] = lossText({ from: "deploy@old", end, checked: false });
  expect(line).toMatch(/^RPO not checked: /);
  expect(lossText({ from: "deploy@old", end: undefined, checked: false })).toEqual([]);
});

it("says how the site that was left is emptied, and how what did not come along comes back", () => {
  const text = nextText(
    "production",
    { activated: { host: "deploy@new", begun: "2026-11-28T14:05:00.123Z" }, from: "deploy@old" },
    { project: "shop-production", root: "/srv/plimsoll/shop-production" },
    {
      backups: [
        { what: "redis", volume: "redis" },
        { what: "elasticsearch", volume: "snapshots", broughtBy: { service: "elasticsearch", command: [] } },
      ],
    } as never,
  );
  for (const words of [
    "docker compose -p shop-production down --volumes --remove-orphans",
    "docker volume ls -q --filter label=com.docker.compose.project=shop-production",
    "find /srv/plimsoll/shop-production -mindepth 1 -delete",
    'plimsoll restore production --host deploy@new --files elasticsearch --to "2026-11-28 14:05:00+00"',
  ])
    expect(text).toContain(words);
  expect(text).not.toContain("--files redis");
});
