import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import type Docker from "dockerode";
import { describe, expect, test } from "vitest";
import { fakeHost } from "../host/fake.ts";
import type { Host, Outcome } from "../host/host.ts";
import { tarStream } from "../host/tar.ts";
import { formatProblem, Problem } from "../problem.ts";
import { type Survey, survey } from "./archive.ts";
import { sendImage } from "./layers.ts";
import { isSame, planOf } from "./plan.ts";

const digest = (letter: string) => letter.repeat(64);
const layer = (letter: string) => `sha256:${digest(letter)}`;
const blob = (letter: string) => `blobs/sha256/${digest(letter)}`;

function surveyed(layers: readonly string[], more: Partial<Survey> = {}): Survey {
  return {
    manifest: [{ Config: blob("9"), Layers: layers.map(blob) }],
    sizes: new Map([...layers.map((letter) => [blob(letter), 1000] as const), ["manifest.json", 10]]),
    links: false,
    ...more,
  };
}

describe("what stays here", () => {
  const plan = (ours: string, theirs: string[], more: Partial<Survey> = {}, containerd = false) => {
    const stacks = theirs.map((letters) => [...letters].map(layer));
    const { drop, sent, size } = planOf(
      [...ours].map(layer),
      { containerd, stacks },
      surveyed([...ours], more),
    );
    return { drop: [...drop].map((path) => path.at(-1)).join(""), sent, size };
  };

  test("is what lies on the same layers there", () => {
    expect(plan("abc", [])).toEqual({ drop: "", sent: 3, size: 3010 });
    expect(plan("abc", ["ax", "abd", "a"])).toEqual({ drop: "ab", sent: 1, size: 1010 });
    expect(plan("abc", ["bc", "cba", "xabc"])).toEqual({ drop: "", sent: 3, size: 3010 });
    expect(plan("abc", ["abcd"])).toEqual({ drop: "abc", sent: 0, size: 10 });
    expect(plan("", ["a"])).toEqual({ drop: "", sent: 0, size: 10 });
  });

  test("is no layer that is needed a second time further up", () => {
    expect(plan("aba", ["ab"])).toMatchObject({ drop: "b", sent: 1 });
    expect(plan("aba", ["aba"])).toMatchObject({ drop: "ab", sent: 0 });
  });

  test("is nothing where names do not say what a file is, or the store wants all", () => {
    expect(plan("abc", ["abc"], { links: true })).toMatchObject({ drop: "", sent: 3 });
    expect(plan("abc", ["abc"], { manifest: [{ Config: "c", Layers: null }] })).toMatchObject({ sent: 3 });
    expect(plan("abc", ["abc"], {}, true)).toMatchObject({ drop: "", sent: 3 });
  });
});

test("stores that give ids of their own are asked for the content", () => {
  const image = imageOf("ab");
  const renamed = { ...image, Id: layer("8") };
  expect(isSame(renamed, image, true)).toBe(true);
  expect(isSame(renamed, image, false)).toBe(false);
  expect(isSame({ ...renamed, Config: { Env: ["A=2"] } }, image, true)).toBe(false);
  expect(isSame({ ...renamed, RootFS: { Layers: [layer("a")] } }, image, true)).toBe(false);
});

function imageOf(letters: string, more: object = {}) {
  return {
    Id: layer("9"),
    Created: "2026-01-01T00:00:00Z",
    Architecture: "amd64",
    Os: "linux",
    RootFS: { Layers: [...letters].map(layer) },
    Config: { Env: ["A=1"] },
    ...more,
  };
}

async function archiveOf(letters: string): Promise<Buffer> {
  const files = [...letters].map((letter) => ({
    path: blob(letter),
    content: `layer ${letter}`.repeat(500),
  }));
  const manifest = JSON.stringify([{ Config: blob("9"), Layers: [...letters].map(blob) }]);
  return buffer(tarStream([...files, { path: "manifest.json", content: manifest }]));
}

/** This machine's engine with one image `api:v2`. */
function engineOf(
  letters: string,
  archive: () => Promise<Buffer | Readable> = () => archiveOf(letters),
): Docker {
  return {
    info: async () => ({ DriverStatus: [["Backing Filesystem", "extfs"]] }),
    getImage: (name: string) => ({
      async inspect() {
        if (name === "api:v2" || name === layer("9")) return imageOf(letters);
        throw Object.assign(new Error("no such image"), { statusCode: 404 });
      },
      async get() {
        const found = await archive();
        return found instanceof Readable ? found : Readable.from([found]);
      },
    }),
  } as unknown as Docker;
}

type There = {
  info?: string;
  free?: number;
  named?: Record<string, object>;
  stacks?: string[];
  /** What loading comes to; the image, if absent. */
  loads?: (Partial<Outcome> | undefined)[];
};

function there({ info, free = 50e9, named = {}, stacks = [], loads = [] }: There = {}) {
  const archives: Buffer[] = [];
  const base = fakeHost(() => undefined, { name: "deploy@droplet", kind: "ssh" });
  const answer = [
    info ?? 'info "x86_64" "linux" "/var/lib/docker" [["Backing Filesystem","extfs"]]',
    `free ${free}`,
    ...Object.entries(named).flatMap(([name, found]) => [`named ${name}`, JSON.stringify(found)]),
    ...stacks.map((letters) => `layers ${JSON.stringify([...letters].map(layer))}`),
  ].join("\n");
  const host: Host = {
    ...base,
    async script(text, args, options = {}) {
      await base.script(text, args);
      if (!options.input) return { exitCode: info === "" ? 1 : 0, stdout: answer, stderr: "" };
      archives.push(gunzipSync(await buffer(options.input as Readable)));
      return { exitCode: 0, stdout: JSON.stringify(imageOf("abc")), stderr: "", ...loads.shift() };
    },
  };
  return { host, archives, commands: base.commands, scripts: base.scripts };
}

const said: string[] = [];
const send = (host: Host, docker: Docker, image = "api:v2") =>
  sendImage(host, docker, image, (line) => said.push(line));

async function refusal(sending: Promise<unknown>): Promise<string> {
  const error = await sending.catch((error: unknown) => error);
  expect(error).toBeInstanceOf(Problem);
  return formatProblem(error as Problem);
}

describe("sending", () => {
  test("two round trips, and only what is missing", async () => {
    const { host, archives, scripts } = there({ stacks: ["ab", "b"] });
    const result = await send(host, engineOf("abc"));
    expect(result).toMatchObject({ id: layer("9"), layers: 3, sent: 1 });
    expect(result.bytes).toBeGreaterThan(50);
    expect(scripts).toHaveLength(2);
    const { sizes } = await survey(Readable.from(archives));
    expect([...sizes.keys()]).toEqual([blob("c"), "manifest.json"]);
    expect(said.at(-1)).toMatch(/^sending 1 of 3 layers of api:v2 to deploy@droplet \(/);
  });

  test("nothing where it is, but its name", async () => {
    const known = there({ named: { "api:v2": imageOf("abc"), [layer("9")]: imageOf("abc") } });
    expect(await send(known.host, engineOf("abc"))).toEqual({ id: layer("9"), layers: 3, sent: 0, bytes: 0 });
    expect(known.commands).toHaveLength(1);
    const old = { ...imageOf("ab"), Id: layer("7") };
    const elsewhere = there({ named: { "api:v2": old, [layer("9")]: imageOf("abc") } });
    expect(await send(elsewhere.host, engineOf("abc"))).toMatchObject({ sent: 0 });
    expect(elsewhere.commands.at(-1)).toBe(`docker tag ${layer("9")} api:v2`);
    const byId = there({ named: { [layer("9")]: imageOf("abc") } });
    await send(byId.host, engineOf("abc"), layer("9"));
    expect(byId.commands).toHaveLength(1);
  });

  test("a layer that was removed meanwhile is asked for once more", async () => {
    const gone = {
      exitCode: 1,
      stderr: "open /var/lib/docker/tmp/docker-import-1/blobs/x: no such file or directory",
    };
    const once = there({ stacks: ["ab"], loads: [gone] });
    expect(await send(once.host, engineOf("abc"))).toMatchObject({ sent: 1 });
    expect(once.scripts).toHaveLength(4);
    const always = there({ stacks: ["ab"], loads: [gone, gone] });
    expect(await refusal(send(always.host, engineOf("abc")))).toMatch(/did not arrive.*no such file/s);
  });
});

describe("what stops it", () => {
  test("is said before anything is sent", async () => {
    const arm = there({ info: 'info "aarch64" "linux" "/var/lib/docker" []' });
    expect(await refusal(send(arm.host, engineOf("a")))).toBe(
      [
        "api:v2 is for linux/amd64, and deploy@droplet is linux/arm64",
        "  Build it for the host: docker build --platform linux/arm64 --tag api:v2 FOLDER",
        "  Or let the host build it from the source, which is what deploy does by itself without an image.",
      ].join("\n"),
    );
    const small = there({ free: 1024 ** 3 + 5000 });
    expect(await refusal(send(small.host, engineOf("abc")))).toMatch(
      /needs \d+ KB on deploy@droplet.*1 GB should stay free: 1 GB are free in \/var\/lib\/docker/,
    );
    const none = there({ info: "" });
    expect(await refusal(send(none.host, engineOf("a")))).toMatch(
      /no Docker engine answers on deploy@droplet/,
    );
    expect([...arm.archives, ...small.archives, ...none.archives]).toEqual([]);
    const { host, commands } = there();
    expect(await refusal(send(host, engineOf("a"), "api:v9"))).toMatch(
      /there is no image api:v9 on this machine/,
    );
    for (const name of ["", "-q", "../info", "a b", "a;b", "a//b"])
      expect(await refusal(send(host, engineOf("a"), name))).toMatch(/is no image's name/);
    expect(commands).toEqual([]);
  });

  test("is a full disk, another image, a store that says no", async () => {
    const loads = (outcome: Partial<Outcome>) => send(there({ loads: [outcome] }).host, engineOf("abc"));
    expect(
      await refusal(loads({ exitCode: 1, stderr: "write /var/lib/docker/tmp/x: no space left on device" })),
    ).toMatch(
      /the disk of deploy@droplet \(\/var\/lib\/docker\) is full; api:v2 was not loaded[\s\S]*docker system df/,
    );
    expect(await refusal(loads({ stdout: JSON.stringify({ ...imageOf("abc"), Id: layer("1") }) }))).toMatch(
      /api:v2 did not arrive on deploy@droplet as it is here \(sha256:9+\): what arrived is another image/,
    );
    expect(await refusal(loads({ exitCode: 1, stderr: "unexpected EOF" }))).toMatch(
      /deploy@droplet did not load api:v2: unexpected EOF\n {2}Nothing of it is there/,
    );
  });

  test("is this machine's engine, in the middle", async () => {
    const whole = await archiveOf("abc");
    let time = 0;
    const cut = async () => (time++ === 0 ? whole : whole.subarray(0, 3000));
    expect(await refusal(send(there().host, engineOf("abc", cut)))).toMatch(
      /this machine's engine stopped in the middle of api:v2: the archive ends in the middle/,
    );
    expect(
      await refusal(
        send(
          there().host,
          engineOf("abc", async () => whole.subarray(0, 3000)),
        ),
      ),
    ).toMatch(/api:v2 cannot be read from this machine's engine/);
  });

  test("is the user", async () => {
    const ending = new AbortController();
    const never = new Readable({ read: () => void setTimeout(() => ending.abort(new Error("enough")), 10) });
    const sending = sendImage(
      there().host,
      engineOf("abc", async () => never),
      "api:v2",
      () => undefined,
      ending,
    );
    await expect(sending).rejects.toThrow("enough");
    expect(never.destroyed).toBe(true);
  });
});
