/** The gate before a moved site serves: did the database come to the end of the old one's log? */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageRoot } from "../../generator/package.ts";
import { eachInItsFolder } from "../../generator/testing/folder.ts";

const folder = eachInItsFolder();

/** @param history of the new timeline @param expected TIMELINE LSN @returns the fault, or what is noted */
function gate(history: string, expected?: string): string {
  mkdirSync(join(folder.path, "state"), { recursive: true });
  mkdirSync(join(folder.path, "release"), { recursive: true });
  if (expected) writeFileSync(join(folder.path, "release/expected"), `${expected}\n`);
  writeFileSync(join(folder.path, "history"), history);
  // pg_lsn's own comparison, for what has the same length on both sides.
  const { status, stdout } = spawnSync(
    "bash",
    [
      "-uo",
      "pipefail",
      "-c",
      `. ${packageRoot}/operator/onhost/seed.bash
       STATE=$1/state WORK=$1/release
       fault() { echo "fault $1"; return 1; }
       note() { echo "$1"; }
       put() { echo "$2" >"$1"; }
       said() { :; }
       docker() { cat "$STATE/../history"; }
       sql() {
         case $2 in
           *walfile*) echo 00000004 ;;
           *) read -r one other <<<"$(grep -oE "[0-9A-F]+/[0-9A-F]+" <<<"$2" | tr '\\n' ' ')"; [[ ! $one < $other ]] && echo t || echo f ;;
         esac
       }
       as_expected postgres-1 id /data`,
      "gate",
      folder.path,
    ],
    { encoding: "utf8" },
  );
  return `${status} ${stdout}`;
}

it("opens where the new timeline parted from the old one's at its very end", () => {
  const history = "1\t0/3000000\tbefore\n3\t0/6000000\tno recovery target specified\n";
  expect(gate(history, "3 0/6000000")).toMatch(
    /^0 .*all of the log of the site before is there, to 0\/6000000/,
  );
});

it("stays shut where it parted earlier, or never came by the old one's timeline", () => {
  expect(gate("3\t0/5FFFF28\tno recovery target specified\n", "3 0/6000000")).toMatch(
    /^1 fault the recovery of postgres-1 ended at 0\/5FFFF28/,
  );
  expect(gate("2\t0/6000000\tno recovery target specified\n", "3 0/6000000")).toMatch(
    /^1 fault .* ended at another timeline/,
  );
  expect(gate("", "3 0/6000000")).toMatch(/^1 fault/);
});

it("asks nothing after a disaster, which has no such end", () => {
  expect(gate("1\t0/3000000\tx\n")).toBe("0 ");
});
