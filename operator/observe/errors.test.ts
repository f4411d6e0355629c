import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { plain } from "../../generator/report/paint.ts";
import { eachInItsFolder } from "../../generator/testing/folder.ts";
import { parseFacts } from "../checks/facts.ts";
import { localHost } from "../host/local.ts";
import { errorDetailOf, errorsOf, requireAnswer } from "./errors.ts";
import { barOf, type ErrorsAsked, searchesOf } from "./errors-query.ts";
import { barsOf, errorDetailText, errorsText } from "./errors-text.ts";
import { observeScript } from "./script.ts";

const NOW = Date.parse("2026-11-28T12:00:00Z") / 1000;
const asked: ErrorsAsked = { since: NOW - 86_400, now: NOW, limit: 20 };
const KEYS = ["aaaa111122223333", "bbbb111122223333"] as const;

/** As Elasticsearch 8.19 answers, but for what is not read. */
const terms = (...keys: string[]) => ({ buckets: keys.map((key) => ({ key, doc_count: 1 })) });
const bucket = (key: string, count: number, hours: number, releases: string[], source: object = {}) => ({
  key,
  doc_count: count + 1,
  first: { value: (NOW - 72 * 3600) * 1000 },
  last: { value: (NOW - hours * 3600) * 1000 },
  releases: terms(...releases),
  services: terms("api-2", "api-1", "api-3"),
  window: {
    doc_count: count,
    times: {
      buckets: [0, 1, 2].map((at) => ({ key: (NOW - 86_400 + at * 3600) * 1000, doc_count: at * count })),
    },
  },
  newest: {
    hits: { hits: [{ _source: { error: { grouping_name: `Error in ${key.slice(0, 4)}` }, ...source } }] },
  },
});
const groups = (all: number, releases: string[], ...keys: string[]) =>
  `groups ${JSON.stringify({
    timed_out: false,
    _shards: { failed: 0 },
    aggregations: {
      oldest: { value: 1000 },
      releases: terms(...releases),
      chosen: { all: { value: all }, groups: terms(...keys) },
    },
  })}`;
const details = (...buckets: object[]) =>
  `details ${JSON.stringify({ aggregations: { groups: { buckets } } })}`;
const facts = (...lines: string[]) => parseFacts(lines.join("\n"));

describe("what is asked", () => {
  it("is a line each, in a window, of a service and its servers", () => {
    const [first, second, end] = searchesOf({ ...asked, service: "api" }).split("\n");
    expect(end).toBe("");
    expect(JSON.parse(first as string).aggs.chosen.filter.bool.filter).toEqual([
      { range: { "@timestamp": { gte: (NOW - 86_400) * 1000, lte: "now", format: "epoch_millis" } } },
      { regexp: { "service.name": "api(-[0-9]+|-spare)?" } },
    ]);
    expect(second?.match(/"@KEYS@"/g)).toHaveLength(1);
  });

  it("is a service's name and no expression", () => {
    expect(searchesOf({ ...asked, service: "a.b-c" })).toContain("a\\\\.b\\\\-c(-[0-9]+|-spare)?");
  });

  it.each([
    [86_400, 3600],
    [90, 4],
    [1, 1],
    [30 * 86_400, 30 * 3600],
  ])("draws %i s in bars of %i s", (window, bar) => {
    expect(barOf({ since: NOW - window, now: NOW })).toBe(bar);
  });
});

describe("groups", () => {
  const found = errorsOf(
    facts(
      "release v12",
      groups(5, ["v10", "v12"], ...KEYS),
      details(bucket(KEYS[0], 2, 1, ["v12"]), bucket(KEYS[1], 1200, 0.01, ["v10", "v12"])),
    ),
    asked,
  );

  it("come with the loudest first, and new where no release before had it", () => {
    expect(found.groups.map(({ key, count, new: fresh }) => [key, count, fresh])).toEqual([
      [KEYS[1], 1200, false],
      [KEYS[0], 2, true],
    ]);
    expect(found).toMatchObject({ more: 3, running: ["v12"], partial: false });
  });

  it.each([
    ["the only release that errors are kept of", ["release v12"], ["v12"], ["v12"], false],
    [
      "a canary beside the release that runs",
      ["release v11", "release v12"],
      ["v10", "v11", "v12"],
      ["v12"],
      true,
    ],
    ["one that was rolled back", ["release v11"], ["v11", "v12"], ["v12"], false],
    ["no release at all", ["release v12"], ["v10", "v12"], [], false],
  ])("of %s are judged", (_what, running, kept, seen, fresh) => {
    const { groups: judged } = errorsOf(
      facts(...running, groups(1, kept, KEYS[0]), details(bucket(KEYS[0], 1, 1, seen))),
      asked,
    );
    expect(judged[0]?.new).toBe(fresh);
  });

  it("read well", () => {
    expect(errorsText(found, plain, 80)).toBe(
      [
        "1200x  Error in bbbb",
        "       bbbb111122223333  last 36s ago, first 3d ago  in v10, v12  api-1..3",
        "",
        "   2x  Error in aaaa",
        "       new  aaaa111122223333  last 60m ago, first 3d ago  in v12  api-1..3",
        "",
        "and 3 more: --limit 5",
      ].join("\n"),
    );
  });

  it("hold nothing that a terminal would act on", () => {
    const source = { error: { grouping_name: "a\u001b[2J\u0007b" } };
    const text = errorsText(
      errorsOf(facts(groups(1, [], KEYS[0]), details(bucket(KEYS[0], 1, 1, [], source))), asked),
      plain,
      80,
    );
    expect(text).toContain("a\\x1b[2J\\x07b");
  });

  it("are none before the first line of any log, and none in a quiet day", () => {
    const empty = errorsOf(facts('groups {"_shards":{"failed":0},"timed_out":false}'), asked);
    expect(errorsText(empty, plain, 80)).toBe("No error is in the logs that are kept.");
    expect(errorsText(errorsOf(facts(groups(0, [])), asked), plain, 80)).toBe("No error in the last 24h.");
  });

  it("say where they may not be all", () => {
    const partial = errorsOf(facts('groups {"_shards":{"failed":1},"timed_out":false}'), asked);
    expect(errorsText(partial, plain, 80)).toMatch(/^Elasticsearch could not look everywhere/);
  });

  it("are not guessed from an answer of another kind", () => {
    expect(() => errorsOf(facts('groups {"aggregations":{"x":1}}'), asked)).toThrow("not understood: {");
  });
});

describe("one group", () => {
  const source = {
    "@timestamp": "2026-11-28T11:00:00.000Z",
    message: "a request failed",
    service: { name: "api-1", version: "v12" },
    http: { request: { id: "6f1c" } },
    trace: { id: "4bf9" },
    error: { grouping_name: "TypeError in a.js: x", stack_trace: "TypeError: x\n    at a (a.js:1:1)" },
  };
  const words = { ...asked, key: "aaaa" };

  it("has its course, the newest trace whole, and the ids that join it to the request", () => {
    const found = errorDetailOf(
      facts(
        "release v12",
        groups(1, ["v11", "v12"], KEYS[0]),
        details(bucket(KEYS[0], 2, 1, ["v12"], source)),
      ),
      words,
      "production",
    );
    expect(errorDetailText(found, NOW, plain, 80)).toBe(
      [
        "TypeError in a.js: x",
        "",
        "key       aaaa111122223333",
        "seen      3 times in what is kept, 2 in the last 24h",
        "first     2026-11-25T12:00:00Z, 3d ago",
        "last      2026-11-28T11:00:00Z, 60m ago",
        "releases  v12 (new: in none before)",
        "services  api-1..3",
        "course    ·▄█  60m each",
        "",
        "The newest, 2026-11-28T11:00:00.000Z",
        "service   api-1 v12",
        "request   6f1c",
        "trace     4bf9",
        "message   a request failed",
        "",
        "TypeError: x\n    at a (a.js:1:1)",
      ].join("\n"),
    );
  });

  it("is asked for by what begins no other", () => {
    const both = facts(
      groups(2, [], ...KEYS),
      details(bucket(KEYS[0], 1, 1, []), bucket("aaaa999999999999", 1, 1, [])),
    );
    expect(() => errorDetailOf(both, words, "production")).toThrow("more than one error");
    expect(() => errorDetailOf(facts(groups(0, [])), words, "production")).toThrow("no error that is kept");
  });

  it("draws none as none, and one among thousands as one", () => {
    expect(barsOf([0, 1, 500, 1000])).toBe("·▁▄█");
    expect(barsOf([])).toBe("");
  });
});

describe("asking on the host", () => {
  const folder = eachInItsFolder();
  /** A docker that knows the containers in `ps`, and hands stdin and the command on. */
  const DOCKER = `#!/bin/bash
cd "$WORLD"
case $1 in
  ps) cat ps ;;
  inspect) printf 'PATH=/bin\\nSECRET=hidden\\nRELEASE=v12\\n\\nRELEASE=v12\\n' ;;
  exec) echo "$*" >called; cat >asked; cat said; cat error >&2; exit "$(<code)" ;;
esac
`;
  async function run(files: Record<string, string>) {
    const all = { docker: DOCKER, said: "", error: "", code: "0", ...files };
    for (const [name, text] of Object.entries(all)) writeFileSync(join(folder.path, name), text);
    chmodSync(join(folder.path, "docker"), 0o755);
    const { exitCode, stdout } = await localHost().script(observeScript("errors"), ["shop"], {
      input: searchesOf(asked),
      environment: { WORLD: folder.path, PATH: `${folder.path}:${process.env.PATH}` },
    });
    expect(exitCode).toBe(0);
    return { stdout, facts: parseFacts(stdout) };
  }
  const KEEPER = "api-1 running 111\nelastic-keeper running 222\nelastic-keeper exited 333\n";

  it("asks in the keeper's newest container, on stdin alone, and tells which release runs", async () => {
    const { stdout } = await run({ ps: KEEPER, said: "groups {}\n" });
    expect(stdout).toBe("containers 3\nrelease v12\ngroups {}");
    const read = (name: string) => readFileSync(join(folder.path, name), "utf8");
    expect(read("called").trim()).toBe("exec -i 222 bash /etc/plimsoll/scripts/errors.sh");
    expect(read("asked")).toBe(searchesOf(asked));
  });

  it.each<[string, Record<string, string>, string]>([
    ["no logging", { ps: "api-1 running 111\n" }, "production has no Elasticsearch"],
    [
      "a keeper that ended",
      { ps: "elastic-keeper exited 222\n" },
      "the container of elastic-keeper is exited",
    ],
    [
      "no answer",
      {
        ps: KEEPER,
        code: "1",
        error:
          '{"log.level":"error","message":"POST http://elasticsearch:9200/x: curl: (7) Failed to connect"}\n',
      },
      "the logs cannot be read: POST http://elasticsearch:9200/x: curl: (7) Failed to connect",
    ],
    ["a silent death", { ps: KEEPER, code: "137" }, "the logs cannot be read: no answer in time"],
    [
      "a stack of before",
      {
        ps: KEEPER,
        code: "127",
        error: "bash: /etc/plimsoll/scripts/errors.sh: No such file or directory\n",
      },
      "of a plimsoll that did not group errors",
    ],
  ])("says what is wrong with %s", async (_what, files, words) => {
    const { facts: found } = await run(files);
    expect(() => requireAnswer(found, "production")).toThrow(words);
  });

  it("is asked of nobody where nothing runs", async () => {
    expect((await run({ ps: "" })).facts.number("containers")).toBe(0);
    expect(existsSync(join(folder.path, "called"))).toBe(false);
  });
});
