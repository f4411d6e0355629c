import { expect, it } from "vitest";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { fakeHost } from "../host/fake.ts";
import { requireFit } from "../recovery/activate.ts";
import type { Bundle } from "../recovery/bundle.ts";
import { remoteFolders, type Site } from "../site/site.ts";
import { parseLook } from "./look.ts";
import { requireReady } from "./preflight.ts";

const site = {
  ...remoteFolders("shop-production", "production"),
  host: fakeHost(() => undefined, { kind: "ssh", name: "deploy@203.0.113.8" }),
  environment: "production",
} as unknown as Site;
const plan = {
  ...{ services: {}, settings: [], secrets: [], backups: [] },
  machine: { slug: "s-1vcpu-1gb", memory: 1024 },
  budget: { lines: [] },
} as unknown as PlanJson;

const GiB = 1024 ** 2;
const seen = (...more: string[]) =>
  parseLook(
    [
      `now ${Math.round(Date.now() / 1000)}`,
      ...["docker ready 28.5.2", "compose 2.40.3", "cores 2", `memory ${2 * GiB}`],
      ...[`free ${20 * GiB}`, `state_free ${20 * GiB}`, ...more, ""],
    ].join("\n"),
  );

it("lets nothing be deployed onto a copy that is kept warm", () => {
  expect(() => requireReady(site, seen(), plan, [])).not.toThrow();
  expect(() => requireReady(site, seen("follows"), plan, [])).toThrow(
    expect.objectContaining({
      message: expect.stringMatching(/^deploy@203\.0\.113\.8 follows the site that writes/),
      remedy: expect.stringMatching(/dr activate production.*dr drop production/),
    }),
  );
});

it("lets an activation come over it", () => {
  const bundle = {
    meta: { release: "v1" },
    generated: [{ path: "compose.yaml", content: Buffer.from("services: {}\n") }],
    secrets: [],
    state: [{ path: "releases/v1/files/plan.json", content: Buffer.from(JSON.stringify(plan)) }],
  } as unknown as Bundle;
  expect(() => requireFit(site, seen("follows"), bundle, undefined)).not.toThrow();
});
