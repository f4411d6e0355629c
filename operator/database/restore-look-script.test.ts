/** What is read of timelines, from repositories that are played. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { eachInItsFolder } from "../../generator/testing/folder.ts";
import { localHost } from "../host/local.ts";
import { databaseScript } from "./look.ts";

const folder = eachInItsFolder();

const DOCKER = `#!/bin/bash
case "$*" in
  "ps "*) grep -oE 'service=[a-z0-9-]+' <<<"$*" | sed 's/service=/id-/' ;;
  *State.Status*) echo running ;;
  *Config.Env*) printf 'PG_MAJOR=18\\nPLIMSOLL_REPOSITORIES=1:local 2:s3\\n' ;;
  *pg_is_in_recovery*) echo f ;;
  *pg_walfile_name*) echo 3 ;;
  *pg_current_wal_flush_lsn*) echo '0/A000000|900' ;;
  "info "*) echo /nowhere ;;
  exec*) shift 2; exec "$@" ;;
esac
`;
/** Each repository has what its file says: lines of timeline and seconds; none without its file. */
const PGBACKREST = `#!/bin/bash
[[ "$*" != *" info" ]] || { echo '[]'; exit; }
for word; do [[ $word != --repo=* ]] || file=$WORLD/\${word#--repo=}; done
[[ -e $file ]] || exit 103
case "$*" in
  *"repo-ls archive/main") echo 18-1; echo archive.info ;;
  *repo-ls*) awk '{ printf "%s{\\"%08X.history\\":{\\"type\\":\\"file\\",\\"time\\":%d}}", sep, $1, $2; sep = "\\n" }' "$file" | jq -s 'add // {} | . + {".": {"type": "path"}}' ;;
  *00000009.history) exit 25 ;;
  *repo-get*) printf '1\\t0/5000100\\tno recovery target specified\\n' ;;
esac
`;

async function histories(repositories: Readonly<Record<string, string>>): Promise<string[]> {
  const world = join(folder.path, "world");
  const state = join(folder.path, "state");
  for (const path of [world, state]) mkdirSync(path);
  for (const [name, text] of Object.entries({ docker: DOCKER, pgbackrest: PGBACKREST })) {
    writeFileSync(join(world, name), text);
    chmodSync(join(world, name), 0o755);
  }
  for (const [name, text] of Object.entries(repositories)) writeFileSync(join(world, name), text);
  const { exitCode, stdout } = await localHost().script(
    databaseScript("restore-look"),
    [state, "shop", "-", "postgres-1"],
    { environment: { WORLD: world, PATH: `${world}:${process.env.PATH}` } },
  );
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^timeline 3$/m);
  return stdout
    .split("\n")
    .filter((line) => /^histor/.test(line))
    .map((line) => line.split(" ").slice(0, 3).join(" "));
}

it("brings together what the repositories know, each timeline with its earliest time", async () => {
  expect(await histories({ "1": "2 300\n", "2": "2 200\n3 400\n" })).toEqual([
    "history 2 200",
    "history 3 400",
    "histories 2",
  ]);
});

it("goes by one where the other does not answer", async () => {
  expect(await histories({ "2": "2 200\n" })).toEqual(["history 2 200", "histories 1"]);
});

it("says that there are none, which is not that none answered", async () => {
  expect(await histories({ "1": "", "2": "" })).toEqual(["histories 0"]);
});

it.each([
  ["none answers", {}],
  ["the only one that does gives only some", { "2": "2 200\n9 300\n" }],
])("ends without its last line where %s", async (_, repositories) => {
  expect((await histories(repositories)).at(-1) ?? "").not.toMatch(/histories/);
});
