/**
 * For tests: promtool and amtool, wherever they are: on the PATH, in an image that is here, or in one built from our
 * own Debian Dockerfile where the base image is here. Files go in as a tar over stdin, so that any engine will do.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import type { Build, Image } from "../components/component.ts";
import { type Rendered, renderFile } from "../render/files.ts";

export type Tool = {
  where: string;
  /** Runs it in a folder with these files. */
  run(files: Readonly<Record<string, string>>, args: readonly string[]): { code: number; output: string };
  /** Runs a script of sh there, which calls the tool as often as it likes; others go on meanwhile. */
  script(files: Readonly<Record<string, string>>, text: string): Promise<{ code: number; output: string }>;
};

type OwnImage = Exclude<Image, { context: string }>;
type Wanted = { tool: "promtool" | "amtool"; image: OwnImage };

/** undefined where it is nowhere to be had; with PLIMSOLL_E2E=required that is a failure. */
export function findTool({ tool, image }: Wanted): Tool | undefined {
  if (spawnSync(tool, ["--version"]).status === 0) return onPath(tool);
  const found = findImage(image);
  return found === undefined ? undefined : inImage(found, tool);
}

/** The name of an image that is here, or was built. The same as `findTool` where there is none. */
export function findImage({ official, debian }: OwnImage): string | undefined {
  if (hasImage(official as string)) return official as string;
  if (hasImage("debian:forky-slim")) return build(debian as Build);
  const lack = `neither ${official} nor debian:forky-slim is here`;
  if (process.env.PLIMSOLL_E2E === "required") throw new Error(lack);
  console.warn(`skipped: ${lack}`);
  return undefined;
}

function hasImage(name: string): boolean {
  return spawnSync("docker", ["image", "inspect", name]).status === 0;
}

/** Kept between runs: tests in other workers use it at the same time. */
function build({ name, files }: Build): string {
  const tag = `plimsoll-test/${name}`;
  withFolder(Object.fromEntries(files.flatMap(rendered).map(({ path, text }) => [path, text])), (folder) => {
    execFileSync("docker", ["build", "--quiet", "--tag", tag, folder], { stdio: "pipe" });
  });
  return tag;
}

function rendered(file: Build["files"][number]): Rendered[] {
  return renderFile(file, "test");
}

function onPath(tool: string): Tool {
  return {
    where: "on the PATH",
    run: (files, args) =>
      withFolder(files, (folder) => result(spawnSync(tool, [...args], { cwd: folder, encoding: "utf8" }))),
    script: (files, text) =>
      withFolderAsync(files, async (folder) =>
        finished(await execa("sh", ["-c", text], { cwd: folder, reject: false })),
      ),
  };
}

function inImage(image: string, tool: string): Tool {
  const unpack = "mkdir /tmp/check && cd /tmp/check && tar -x -f -";
  const docker = [
    "run",
    "--rm",
    "--interactive",
    "--network",
    "none",
    "--entrypoint",
    "/bin/sh",
    image,
    "-c",
  ];
  return {
    where: `in ${image}`,
    run: (files, args) =>
      withFolder(files, (folder) => {
        const input = execFileSync("tar", ["-c", "-f", "-", "-C", folder, "."]);
        const inside = `${unpack} && exec /bin/${tool} "$@"`;
        return result(spawnSync("docker", [...docker, inside, tool, ...args], { input, encoding: "utf8" }));
      }),
    script: (files, text) =>
      withFolderAsync(files, async (folder) => {
        const { stdout: input } = await execa("tar", ["-c", "-f", "-", "-C", folder, "."], {
          encoding: "buffer",
        });
        return finished(await execa("docker", [...docker, `${unpack} && ${text}`], { input, reject: false }));
      }),
  };
}

function result({ status, stdout, stderr }: { status: number | null; stdout: string; stderr: string }) {
  return { code: status ?? -1, output: `${stdout}${stderr}` };
}

function finished({ exitCode, stdout, stderr }: { exitCode?: number; stdout: string; stderr: string }) {
  return { code: exitCode ?? -1, output: `${stdout}${stderr}` };
}

async function withFolderAsync<Result>(
  files: Readonly<Record<string, string>>,
  action: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = madeFolder(files);
  try {
    return await action(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function withFolder<Result>(
  files: Readonly<Record<string, string>>,
  action: (folder: string) => Result,
): Result {
  const folder = madeFolder(files);
  try {
    return action(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function madeFolder(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "plimsoll-tool-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}
