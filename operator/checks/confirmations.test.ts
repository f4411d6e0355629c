/** A person's word, written and read again on this machine. */
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { localHost } from "../host/local.ts";
import type { Site } from "../site/site.ts";
import { confirm, confirmationsIn } from "./confirmations.ts";
import { lookAtMachine } from "./context.ts";
import { items } from "./list.ts";
import { oneItem } from "./select.ts";

let site: Site;
beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), "plimsoll-confirm-"));
  const folders = {
    root,
    live: join(root, "live"),
    secrets: join(root, "secrets"),
    state: join(root, "state"),
  };
  site = { host: localHost(), environment: "local", ...folders } as Site;
});
afterEach(() => rm(site.root, { recursive: true, force: true }));

const kept = async () => confirmationsIn(await lookAtMachine(site));

it("is kept beside the others', with who, when and for which release, and in the audit", async () => {
  await confirm(site, oneItem(items, "before.review"), { by: "ana", note: "all of it" });
  await confirm(site, oneItem(items, "infrastructure.restore"), { by: "ben" });
  expect(await kept()).toEqual({
    "before.review": { by: "ana", note: "all of it", at: expect.any(String), release: "v1" },
    "infrastructure.restore": { by: "ben", at: expect.any(String), release: "v1", until: expect.any(String) },
  });
  expect((await stat(join(site.state, "checks/confirmed.json"))).mode & 0o777).toBe(0o600);
  const audit = await readFile(join(site.state, "audit.log"), "utf8");
  expect(audit).toContain('"what":"before.review by ana"');
});

it("loses nobody's where two confirm at once", async () => {
  const ids = ["before.review", "before.team", "before.runbook"];
  await Promise.all(ids.map((id) => confirm(site, oneItem(items, id), { by: "ana" })));
  expect(Object.keys(await kept()).sort()).toEqual(ids.sort());
});

it.each([
  [{ by: " " }, /no name/],
  [{ by: "a\nb" }, /no name/],
  [{ by: "ana", note: "x".repeat(301) }, /--note/],
])("refuses %j", async (word, message) => {
  await expect(confirm(site, oneItem(items, "before.review"), word)).rejects.toThrow(message);
  expect(await kept()).toEqual({});
});
