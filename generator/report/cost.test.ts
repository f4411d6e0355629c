import { expect, test } from "vitest";
import { REFERENCE_RECIPIENT } from "../components/backup/recipient.ts";
import { planned } from "../testing/planned.ts";
import { bare, shortest } from "../testing/source.ts";
import { costOf } from "./cost.ts";
import { costText } from "./cost-text.ts";
import { plain } from "./paint.ts";

const { spec } = planned(shortest);

test("adds up the droplet, beside the bill of 270", () => {
  expect(costOf(spec)).toMatchObject({ total: 48, saved: 222, replaced: { total: 270 }, currency: "USD" });
});

test("counts DigitalOcean's own backups where they are wanted", () => {
  expect(costOf(spec, "weekly").total).toBe(57.6);
  expect(costOf(spec, "daily").total).toBe(62.4);
});

test("counts Spaces where backups go to a bucket", () => {
  const s3 = { endpoint: "fra1.digitaloceanspaces.com", region: "fra1", bucket: "hello" };
  const backup = { repository: { s3 }, recipient: REFERENCE_RECIPIENT };
  const stack = `${bare}backup: ${JSON.stringify(backup)}\n`;
  expect(costOf(planned(stack).spec).items.map(({ what }) => what)).toContain("Spaces for the backups");
  expect(costOf(planned(stack).spec).total).toBe(53);
});

test("knows no price of a machine of one's own", () => {
  const own = planned(shortest.replace("s-4vcpu-8gb", "{ cpus: 8, memory: 32GB, disk: 500GB }")).spec;
  expect(costOf(own)).toMatchObject({ items: [], total: undefined, saved: undefined });
  expect(costText(costOf(own), plain)).toContain("a machine of your own");
});

test("says so where it costs more", () => {
  const text = costText({ ...costOf(spec), total: 300, saved: -30 }, plain);
  expect(text).toContain("$30.00 more a month (11%), $360.00 a year");
});

test("fits 80 columns", () => {
  for (const line of costText(costOf(spec, "weekly"), plain).split("\n"))
    expect(line.length).toBeLessThanOrEqual(80);
});
