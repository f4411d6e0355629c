/** The undo's script against an engine that is played: what it throws away, and what it may not. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { eachInItsFolder } from "../../generator/testing/folder.ts";
import { localHost } from "../host/local.ts";
import { databaseScript } from "./look.ts";

const folder = eachInItsFolder();

/** Files in WORLD are what is: `before` and `undone` (folders beside the data), `silent` (the server does not answer). */
const DOCKER = `#!/bin/bash
echo "$*" | tr '\\n' ' ' >>"$WORLD/calls"
echo >>"$WORLD/calls"
is() { [[ -e $WORLD/$1 ]]; }
case "$1 $2 $*" in
  "ps -"*ahead*) ;;
  "ps -"*) grep -oE 'service=[a-z0-9-]+' <<<"$*" | sed 's/service=/id-/' ;;
  *State.Status*) echo running ;;
  *Config.Env*) echo PGDATA=/var/lib/postgresql/18/docker ;;
  *RestartCount*) echo 0 ;;
  "cp id-"*docker.before*) is before ;;
  "cp id-"*docker.undone*) is undone ;;
  "cp id-"*) exit 1 ;;
  "restart "*) if is before; then mv "$WORLD/before" "$WORLD/undone"; rm -f "$WORLD/silent"; fi ;;
  *"rm -rf"*) for each in before undone; do if [[ $* == *docker.$each* ]]; then rm -f "$WORLD/$each"; fi; done ;;
  "exec -i"*) cat >/dev/null ;;
  *max_by*) echo 20261128-033000F ;;
  *psql*) if is silent; then exit 2; fi ;;&
  *pg_is_in_recovery*) echo f ;;
  *pg_switch_wal*) echo 00000001000000000000000A ;;
  *last_archived_wal*) echo t ;;
esac
`;

const world = () => join(folder.path, "world");
const state = () => join(folder.path, "state");
const is = (name: string) => existsSync(join(world(), name));

beforeEach(() => {
  mkdirSync(world());
  mkdirSync(state());
  writeFileSync(join(world(), "docker"), DOCKER);
  chmodSync(join(world(), "docker"), 0o755);
});

function run(script: string, ...more: string[]) {
  return localHost().script(databaseScript("borrow", "swap", script), [state(), "shop", ...more], {
    environment: { WORLD: world(), PATH: `${world()}:${process.env.PATH}` },
  });
}
const undo = () => run("undo", "postgres-1", "-", "somebody");

it("throws away what was written since only where a backup has it", async () => {
  writeFileSync(join(world(), "before"), "");
  const { exitCode, stdout, stderr } = await undo();
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toMatch(/^safety 20261128-033000F -$/m);
  expect(stdout).not.toMatch(/is in no backup/);
  expect([is("before"), is("undone")]).toEqual([false, false]);
});

it("keeps it where the server did not answer, until it is dropped, and restores nothing in place meanwhile", async () => {
  for (const name of ["before", "silent"]) writeFileSync(join(world(), name), "");
  const { exitCode, stdout, stderr } = await undo();
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toMatch(/^note what was written since .* is in no backup: .*docker\.undone .*--drop-undo$/m);
  expect(stdout).toMatch(/^safety - -$/m);
  expect([is("before"), is("undone")]).toEqual([false, true]);

  const words = ["postgres-1", "-", "latest", "-", "1", "1", "somebody", "words", "20261128-033000F"];
  const restored = await run("in-place", ...words);
  expect(restored.exitCode).toBe(1);
  expect(restored.stderr).toMatch(/docker\.undone .*--drop-undo removes it\. Nothing was changed/);
  expect(is("undone")).toBe(true);
  expect((await run("drop-undo", "postgres-1")).stdout).toMatch(/^removed yes$/m);
  expect(is("undone")).toBe(false);
});

it("does not take the backup that a restore made for one of what was written since", async () => {
  writeFileSync(join(world(), "before"), "");
  writeFileSync(join(world(), "silent"), "");
  writeFileSync(join(state(), "restoring"), "swap\nrestored\nwords\n-\n20261101-000000F\n-\n");
  const { exitCode, stdout, stderr } = await undo();
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toMatch(/^safety - -$/m);
  expect(is("undone")).toBe(true);
  expect(readFileSync(join(world(), "calls"), "utf8")).not.toMatch(/rm -rf \S+docker\.undone/);
});

it("says of a restore in place that fails that the undo of an earlier one is gone", async () => {
  writeFileSync(join(world(), "before"), "");
  const words = ["postgres-1", "-", "latest", "-", "1", "1", "somebody", "words", "20261128-033000F"];
  const { exitCode, stdout, stderr } = await run("in-place", ...words);
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^note what an earlier restore kept for its undo is removed$/m);
  expect(stderr).toMatch(/has no volume .*the undo of the earlier restore is given up/);
  expect(is("before")).toBe(false);
});
