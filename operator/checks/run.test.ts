import { afterEach, describe, expect, it } from "vitest";
import { plain } from "../../generator/report/paint.ts";
import { automatic, failed, type Item, passed, person, unavailable } from "./item.ts";
import { items } from "./list.ts";
import { runItems, stops } from "./run.ts";
import { oneItem, selectItems } from "./select.ts";
import { contextOf, NOW, removeFolders } from "./test-context.ts";
import { checklistText, countsOf } from "./text.ts";

afterEach(removeFolders);

const at = new Date(NOW - 1000).toISOString();
const word = (over: object = {}) => ({ by: "ana", at, release: "v3", ...over });
const machine = (words: object) =>
  `current v2\nrelease v1 superseded\nrelease v2 current\nchecks_confirmed ${Buffer.from(JSON.stringify(words)).toString("base64")}`;

const good = automatic({ id: "code.tests", title: "Tests", run: () => passed("12 passed") });
const bad = automatic({ id: "code.lint", title: "Lint", run: () => failed("3 errors", "npm run lint") });
const review = person({ id: "before.review", title: "Review", hint: "read it" });
const features = person({ id: "day.features", title: "Features", hint: "use it" });
const drill = automatic({
  id: "infrastructure.restore",
  title: "Drill",
  holds: 30,
  run: () => unavailable("not yet"),
});

async function stateOf(item: Item, words?: object) {
  const context = await contextOf(words && { machine: machine(words) });
  const [done] = await runItems([item], context);
  return done?.state;
}

describe("running them", () => {
  it("goes on where one throws, or does not end", async () => {
    const broken = automatic({
      id: "code.types",
      title: "Types",
      run: () => {
        throw new Error("no tsc\n  at somewhere");
      },
    });
    let aborted = false;
    const endless = automatic({
      id: "host.disk",
      title: "Disk",
      timeout: 0.05,
      run: (_, signal) =>
        new Promise(() => {
          signal.addEventListener("abort", () => {
            aborted = true;
          });
        }),
    });
    const done = await runItems([broken, endless, good], await contextOf());
    expect(done.map(({ id, state, said }) => [id, state, said])).toEqual([
      ["code.types", "failed", "no tsc"],
      ["host.disk", "failed", "no answer within 0.05 s"],
      ["code.tests", "passed", "12 passed"],
    ]);
    expect(aborted).toBe(true);
  });

  it("runs no more than six at once", async () => {
    let now = 0;
    let most = 0;
    const slow = (index: number) =>
      automatic({
        id: `code.${index}`,
        title: "Slow",
        run: async () => {
          most = Math.max(most, ++now);
          await new Promise((done) => setTimeout(done, 5));
          now -= 1;
          return passed("");
        },
      });
    await runItems(
      Array.from({ length: 20 }, (_, index) => slow(index)),
      await contextOf(),
    );
    expect(most).toBe(6);
  });

  it("is stopped by required items alone", async () => {
    const advised = { ...bad, id: "code.coverage", required: false };
    const done = await runItems([good, bad, advised, review, drill], await contextOf());
    expect(done.filter(stops).map(({ id }) => id)).toEqual(["code.lint"]);
    expect(countsOf(done)).toEqual({ passed: 1, failed: 2, unavailable: 1, unconfirmed: 1 });
  });
});

describe("a person's word", () => {
  it("holds for the release it is about: the next one before, the current one after", async () => {
    expect(await stateOf(review)).toBe("unconfirmed");
    expect(await stateOf(review, { "before.review": word() })).toBe("passed");
    expect(await stateOf(review, { "before.review": word({ release: "v2" }) })).toBe("unconfirmed");
    expect(await stateOf(features, { "day.features": word({ release: "v2" }) })).toBe("passed");
    expect(await stateOf(features, { "day.features": word() })).toBe("unconfirmed");
  });

  it("holds for days where the item says so", async () => {
    const until = (offset: number) => ({ until: new Date(NOW + offset).toISOString() });
    expect(await stateOf(drill, { "infrastructure.restore": word(until(1000)) })).toBe("passed");
    expect(await stateOf(drill, { "infrastructure.restore": word(until(-1000)) })).toBe("unavailable");
  });

  it("overrules no finding", async () => {
    expect(await stateOf({ ...bad, required: false }, { "code.lint": word() })).toBe("failed");
  });
});

describe("choosing them", () => {
  it("takes ids, groups and lists", () => {
    expect(selectItems(items, ["code.tests"]).map(({ id }) => id)).toEqual(["code.tests"]);
    expect(selectItems(items, ["technical", "business"])).toEqual(selectItems(items, ["targets"]));
    expect(selectItems(items, undefined)).toHaveLength(items.length);
  });

  it.each([
    ["code.test", "code.tests"],
    ["secrity", "security"],
    ["tests", "code.tests"],
  ])("knows what %s means", (asked, meant) => {
    expect(() => selectItems(items, [asked])).toThrow(`did you mean ${meant}?`);
  });

  it("takes one id, and nothing else, for a person's word", () => {
    expect(oneItem(items, "before.review").title).toBe("Final code review");
    expect(() => oneItem(items, "before")).toThrow(/no item "before"/);
  });
});

it("shows groups in order, what helps below what is not well, and what a terminal would act on", async () => {
  const nasty = { ...bad, run: () => failed("\u001b[2J", "npm run lint") };
  const done = await runItems([review, good, nasty], await contextOf());
  expect(checklistText(done, plain)).toMatchInlineSnapshot(`
    "Code
      ok    code.tests     Tests: 12 passed
      FAIL  code.lint      Lint: \\x1b[2J
                           npm run lint

    The day before
      ?     before.review  Review: read it
                           plimsoll check production --confirm before.review --by NAME

    1 passed, 1 failed, 0 not available, 1 to be confirmed. Required, and failed: code.lint"
  `);
});
