/** A copy that is to be kept warm does not come over an activation that was begun meanwhile. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageRoot } from "../../generator/package.ts";
import { eachInItsFolder } from "../../generator/testing/folder.ts";

const folder = eachInItsFolder();

function follow(): string {
  const { stdout, stderr } = spawnSync(
    "bash",
    [
      "-uo",
      "pipefail",
      "-c",
      `. ${packageRoot}/operator/onhost/follow.bash
       STATE=$1/state WORK=$1/work LIVE=$1/live FILES=$1/files REASON=''
       remove_gone() { echo "remove"; }
       step() { echo "step $1"; }
       put() { echo "put $2"; }
       follow_release && echo followed || echo "failed: $REASON"`,
      "follow",
      folder.path,
    ],
    { encoding: "utf8" },
  );
  return stdout || stderr;
}

it("follows where no activation was begun", () => {
  expect(follow()).toMatch(/step follow\nput followed\nstep prune\nfollowed\n$/);
});

it("touches nothing where one was", () => {
  mkdirSync(join(folder.path, "state"));
  writeFileSync(join(folder.path, "state/recovery.json"), "{}");
  expect(follow()).toMatch(/^failed: an activation was begun on this host/);
});
