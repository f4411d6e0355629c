/** Who is asked before the old site is opened again, with hosts and a bucket that are played: two must never write. */
import { finished } from "node:stream/promises";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { RunOptions } from "../host/host.ts";
import { Problem } from "../problem.ts";
import { type Active, readActive, writeActive } from "../recovery/active.ts";
import type { Site } from "../site/site.ts";
import { failbackScript } from "./script.ts";
import { giveBack } from "./undo.ts";

vi.mock("../recovery/active.ts", () => ({ readActive: vi.fn(), writeActive: vi.fn() }));
/** What runs on a host, by its name. */
const seen: Record<string, { current?: string; plan?: object; work?: object }> = {};
vi.mock("../release/look.ts", () => ({
  look: async ({ host }: Site) => {
    const there = seen[host.name];
    if (!there) throw new Problem("the connection is lost");
    return there;
  },
}));

let done: string[];
let files: Record<string, string>;
function site(name: string): Site {
  const host = {
    name,
    read: async (path: string) => files[`${name}:${path}`],
    script: async (text: string, _args?: readonly string[], { onLine, input }: RunOptions = {}) => {
      const part = (["guard", "wipe", "reopen"] as const).find((one) => failbackScript(one) === text);
      if (part === "guard") {
        onLine?.("ready");
        const stdin = input as NodeJS.ReadableStream;
        await finished(stdin.resume());
      } else if (part) done.push(`${part} ${name}`);
      return { exitCode: 0, stdout: part === "reopen" ? "seconds 12.000\n" : "", stderr: "" };
    },
  };
  return {
    ...{ host, environment: "production", project: "shop-production", root: "/root" },
    ...{ state: "/state", secrets: "/secrets" },
  } as unknown as Site;
}

const active = (id: string, host: string): Active => ({
  ...{ format: 1, id, host, by: "bo", since: "2026-11-28T12:00:00Z" },
});
const note = (phase: string) =>
  `${phase}\ndeploy@new\nana\n1795000000000000\n3 0/5000000\n20261128T120000Z.tar.age\n`;

/** @param to as it was typed; `fresh` leads there */
async function undo(phase: string, { to = "root@new", connected = true } = {}): Promise<string[]> {
  files["deploy@old:/state/failback"] = note(phase);
  await giveBack({
    ...{ old: site("deploy@old"), ...(connected && { fresh: site(to.replace("root@", "deploy@")) }), to },
    ...({ store: {}, keys: {} } as { store: never; keys: never }),
    requireGone: async (host) => void done.push(`gone? ${host}`),
    say: () => undefined,
  });
  return done;
}

beforeEach(() => {
  done = [];
  files = { "deploy@old:/secrets/backup_site": "own123456789\n" };
  for (const name of Object.keys(seen)) delete seen[name];
  Object.assign(seen, {
    "deploy@old": { current: "v3", plan: {} },
    "deploy@new": {},
    "deploy@third": {},
  });
  vi.mocked(readActive).mockReset().mockResolvedValue(undefined);
  vi.mocked(writeActive).mockReset().mockResolvedValue();
});

describe("the way back of a failback", () => {
  it("takes away what was begun, names the old site in the bucket, and opens it", async () => {
    vi.mocked(readActive).mockResolvedValue(active("new123456789", "deploy@new"));
    expect(await undo("away")).toEqual(["wipe deploy@new", "reopen deploy@old"]);
    expect(vi.mocked(writeActive).mock.calls[0]?.[2]).toMatchObject({
      id: "own123456789",
      host: "deploy@old",
    });
  });

  it("is refused where another host is named than the one that it went to, and touches nothing there", async () => {
    for (const phase of ["closing", "closed", "away", "returning"])
      await expect(undo(phase, { to: "root@third" }), phase).rejects.toMatchObject({
        message: expect.stringContaining("a failback to deploy@new, and not to root@third"),
        remedy: expect.stringContaining("--host deploy@new"),
      });
    expect(done).toEqual([]);
    expect(writeActive).not.toHaveBeenCalled();
  });

  it("asks after the host that it went to, where that one cannot be reached", async () => {
    expect(await undo("away", { connected: false })).toEqual(["gone? deploy@new", "reopen deploy@old"]);
    done = [];
    delete seen["deploy@new"];
    expect(await undo("away")).toEqual(["gone? deploy@new", "reopen deploy@old"]);
  });

  it("opens no site that another took over from, however far it was closed", async () => {
    for (const [phase, host] of [
      ["closing", "deploy@new"],
      ["closed", "deploy@new"],
      ["closed", "deploy@third"],
      ["away", "deploy@third"],
    ] as const) {
      vi.mocked(readActive).mockResolvedValue(active("other1234567", host));
      await expect(undo(phase), `${phase} ${host}`).rejects.toThrow(`${host} took over`);
    }
    expect(done).not.toContain("reopen deploy@old");
    expect(writeActive).not.toHaveBeenCalled();
    vi.mocked(readActive).mockResolvedValue(active("own123456789", "deploy@old"));
    expect(await undo("closed")).toContain("reopen deploy@old");
  });

  it("asks the new host itself where the bucket does not answer", async () => {
    vi.mocked(readActive).mockRejectedValue(new Problem("the bucket does not answer"));
    for (const phase of ["closing", "closed"]) {
      done = [];
      expect(await undo(phase), phase).toEqual(["reopen deploy@old"]);
      done = [];
      expect(await undo(phase, { connected: false })).toEqual(["gone? deploy@new", "reopen deploy@old"]);
      done = [];
      seen["deploy@new"] = { current: "v1" };
      await expect(undo(phase)).rejects.toThrow(/deploy@new has v1, and the bucket does not say who writes/);
      seen["deploy@new"] = {};
      files["deploy@new:/state/recovery.json"] = "{}";
      await expect(undo(phase)).rejects.toThrow(/has the begin of an activation/);
      files = { "deploy@old:/secrets/backup_site": "own123456789\n" };
      expect(done).toEqual([]);
    }
  });
});
