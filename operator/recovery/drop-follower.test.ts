/** What `dr drop` takes away, and what it leaves, with a docker that notes what it is asked. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { eachInItsFolder } from "../../generator/testing/folder.ts";
import type { Site } from "../site/site.ts";
import { dropFollower } from "./drop-follower.ts";

const folder = eachInItsFolder();
const at = (path: string) => join(folder.path, path);

function drop(...files: string[]) {
  for (const name of ["root/state/releases/v3", "root/secrets/production", "other"])
    mkdirSync(at(name), { recursive: true });
  for (const name of files) writeFileSync(at(`root/state/${name}`), "x");
  writeFileSync(at("root/secrets/production/key"), "secret");
  const answers = `case "$1 $2" in
    "ps -aq") echo c1 ;; "volume ls") echo shop-production_postgres-1 ;; "network ls") echo n1 ;;
    "volume rm") [[ ! -e ${at("in-use")} ]] ;;
  esac`;
  writeFileSync(at("docker"), `#!/bin/bash\necho "$*" >>${at("asked")}\n${answers}\n`);
  chmodSync(at("docker"), 0o755);
  const host = {
    name: "deploy@203.0.113.8",
    script: async (script: string, args: readonly string[]) => {
      const done = spawnSync("bash", ["-c", script, "drop", ...args], {
        env: { ...process.env, PATH: `${folder.path}:${process.env.PATH}` },
        encoding: "utf8",
      });
      return { exitCode: done.status ?? 1, stdout: done.stdout, stderr: done.stderr };
    },
  };
  return dropFollower({
    ...{
      host,
      root: at("root"),
      state: at("root/state"),
      project: "shop-production",
      environment: "production",
    },
  } as unknown as Site);
}
const asked = () => (existsSync(at("asked")) ? readFileSync(at("asked"), "utf8") : "");

it("removes what follows: containers, volumes, networks of the project, and its folder", async () => {
  expect(await drop("follow.json")).toEqual(["shop-production_postgres-1"]);
  expect(asked()).toContain("rm --force --volumes c1");
  expect(asked().match(/label=com\.docker\.compose\.project=shop-production/g)).toHaveLength(3);
  expect(existsSync(at("root"))).toBe(false);
  expect(existsSync(at("other"))).toBe(true);
});

it("touches neither a host that serves, nor one that is about to, nor one that is none of its own", async () => {
  await expect(drop("follow.json", "current")).rejects.toThrow(/runs a release/);
  await expect(drop("follow.json", "recovery.json")).rejects.toThrow(/./);
  expect(asked()).toBe("");
  expect(existsSync(at("root/secrets/production/key"))).toBe(true);
});

it("says an activation that was begun, and nothing where nothing follows", async () => {
  await expect(drop("recovery.json")).rejects.toThrow(/an activation was begun/);
});

it("finds nothing to remove where nothing follows", async () => {
  expect(await drop()).toBeUndefined();
  expect(asked()).toBe("");
});

it("is gone on with where it was cut short", async () => {
  writeFileSync(at("in-use"), "");
  await expect(drop("follow.json")).rejects.toThrow(/removing the copy failed/);
  expect(existsSync(at("root/state/follow.json"))).toBe(true);
  rmSync(at("in-use"));
  expect(await drop("follow.json")).toEqual(["shop-production_postgres-1"]);
  expect(existsSync(at("root"))).toBe(false);
});
