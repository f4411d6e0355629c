/** What a volume that an activation finds is taken for: nothing, its own, or another's. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { packageRoot } from "../../generator/package.ts";
import { eachInItsFolder } from "../../generator/testing/folder.ts";

const folder = eachInItsFolder();
const at = (name: string) => join(folder.path, name);

/** The volume is the folder `volume`, and `docker cp` reaches it whether the node runs or not. */
const STUBS = `
  . ${packageRoot}/operator/onhost/seed.bash
  STATE=$1/state TMP=$1/tmp
  fault() { echo "fault $1"; return 1; }
  note() { echo "note $1"; }
  said() { :; }
  put() { printf '%s\\n' "$2" >"$1"; }
  container_of() { echo id; }
  real() { echo "\${1/id:\\/var\\/lib\\/postgresql/$FOLDER/volume}"; }
  docker() {
    case $1 in
      cp) if [[ $3 == - ]]; then tar -C "$(dirname "$(real "$2")")" -cf - "$(basename "$2")" 2>/dev/null; else cp "$2" "$(real "$3")"; fi ;;
      exec) shift 2; "\${@/#\\/var\\/lib\\/postgresql/$FOLDER/volume}" ;;
      start) echo started >>"$FOLDER/calls" ;;
    esac
  }
  d() { docker "$@"; }
  arrive_recovered() { :; }
  as_expected() { :; }
`;

function bash(body: string): string {
  const { stdout, stderr } = spawnSync("bash", ["-uo", "pipefail", "-c", STUBS + body, "seed", folder.path], {
    env: { ...process.env, FOLDER: folder.path },
    encoding: "utf8",
    // Of a socket bash thinks that rshd started it, and reads the machine's bashrc.
    stdio: ["ignore", "pipe", "pipe"],
  });
  return stdout + stderr;
}

function has(files: Record<string, string>) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(at(`volume/${name}`)), { recursive: true });
    writeFileSync(at(`volume/${name}`), text);
  }
}

beforeEach(() => {
  for (const name of ["state", "tmp", "volume"]) mkdirSync(at(name));
  writeFileSync(at("state/recovery.json"), `${JSON.stringify({ format: 1, id: "b2", begun: "x" })}\n`);
});

describe("the database of an activation", () => {
  const DATA = "18/docker/PG_VERSION";
  const seed = () =>
    bash("keep_recovered() { :; }\nseed_postgres postgres-1 /var/lib/postgresql/18/docker && echo filled");
  const asked = () => (existsSync(at("volume/recover")) ? readFileSync(at("volume/recover"), "utf8") : "");
  const started = () => existsSync(at("calls"));

  it("is asked for in an empty volume, for this activation", () => {
    expect(seed()).toBe("filled\n");
    expect([asked(), started()]).toEqual(["b2\n", true]);
  });

  it("is gone on with where it is this one's, half or whole", () => {
    has({ recover: "b2\n", [DATA]: "18" });
    expect(seed()).toBe("filled\n");
  });

  it("is not asked for again where this one has it", () => {
    has({ recovered: "20261128-033000F\nb2\n", [DATA]: "18" });
    expect(seed()).toBe("filled\n");
    expect(asked()).toBe("");
  });

  it.each([
    ["an earlier activation's", { recovered: "20261128-033000F\na1\n" }],
    ["one that does not say whose", { recovered: "b2\n" }],
    ["an earlier activation's that was cut short", { recover: "a1\n" }],
    ["a site's that served", {}],
  ])("is refused where the volume holds %s", (_, files) => {
    has({ ...(files as Record<string, string>), [DATA]: "18" });
    expect(seed()).toMatch(/^fault the volume of postgres-1 holds a database already/);
    expect(started()).toBe(false);
  });

  it("comes out of a copy that followed, also where an older activation has left its word", () => {
    has({ follow: "stream x\n", recovered: "20261128-033000F\na1\n", [DATA]: "18" });
    expect(seed()).toBe("filled\n");
    expect(asked()).toBe("b2\n");
  });

  it("is not begun where nothing says which activation this is", () => {
    writeFileSync(at("state/recovery.json"), "");
    expect(seed()).toMatch(/^fault .*recovery.json does not say which activation/);
  });
});

describe("how far a recovery came", () => {
  /** @param left what the server says of segments that are left; "" for NULL */
  const keep = (left: string) => {
    has({ "recovered.end": "00000002000000000000000A\n", recovered: "20261128-033000F\nb2\n" });
    return bash(
      `sql() { case $2 in *replay_lsn*) echo "${left}" ;; *) echo "- 2 31457280" ;; esac; }\nkeep_recovered postgres-1`,
    );
  };

  it("is kept with the backup that it came from", () => {
    expect(keep("0")).toMatch(/^note .*no transaction was committed/);
    expect(readFileSync(at("state/recovered"), "utf8")).toBe("- 2 31457280 20261128-033000F\n");
  });

  it("is too short where segments are left", () => {
    expect(keep("2")).toMatch(/^fault the recovery of postgres-1 ended before the archive does .*left: 2/);
  });

  it("is no yes where the server does not know", () => {
    expect(keep("")).toMatch(/^fault postgres-1 no longer knows where its recovery ended/);
    expect(existsSync(at("state/recovered"))).toBe(false);
    has({ "recovered.end": "" });
    expect(bash('sql() { echo "- 2 31457280"; }\nkeep_recovered postgres-1')).toMatch(
      /a person put it aside/,
    );
    expect(existsSync(at("state/recovered"))).toBe(true);
  });
});
