import { Command } from "commander";
import { ensureBase } from "../operator/engine/base.ts";
import { describeEngine, findEngine } from "../operator/engine/find.ts";
import { ensureEngine, installCommand, readRecord, wayBack } from "../operator/engine/install.ts";
import { BASE_IMAGE, hasImage } from "../operator/engine/registry.ts";
import { localHost } from "../operator/host/local.ts";
import { ExitError } from "./exit.ts";
import { operate } from "./operate.ts";

export function engineCommand(): Command {
  return new Command("engine")
    .description("the Docker engine that stacks run on: whether it answers, and how to get one")
    .addCommand(statusCommand(), { isDefault: true })
    .addCommand(install());
}

function statusCommand(): Command {
  return new Command("status")
    .description("say whether an engine answers; exit 1 where none can be used")
    .option("--json", "the result as JSON on stdout")
    .action(async (options: { json?: boolean }) => {
      const host = localHost();
      const state = await findEngine(host);
      const ready = state.kind === "ready";
      const base = ready && (await hasImage(state.docker, BASE_IMAGE));
      const record = await readRecord(host);
      if (options.json) {
        const { docker: _, ...facts } = { docker: undefined, ...state };
        console.log(JSON.stringify({ ...facts, base, installed: record }, null, 2));
      } else {
        console.error(describeEngine(state));
        if (ready && !base)
          console.error(`${BASE_IMAGE} is not here yet; \`images: debian\` makes it when needed`);
        if (record) console.error(`plimsoll installed it; the way back, as root:\n${wayBack(record)}`);
        if (!ready) console.error(`Install or start one: ${installCommand(host.uid)}`);
      }
      if (!ready) throw new ExitError(1);
    });
}

function install(): Command {
  return new Command("install")
    .description("find, start or install an engine from the distribution's own packages; safe to run again")
    .option("--base", "also make the image that `images: debian` builds on")
    .option("--mirror <url>", "Debian mirror for the base image")
    .action(async (options: { base?: boolean; mirror?: string }) => {
      const host = localHost();
      const say = (line: string) => console.error(line);
      await operate(
        async (signal) => {
          const engine = await ensureEngine(host, say);
          signal.throwIfAborted();
          if (options.base) {
            await ensureBase(engine, host, say, { mirror: options.mirror, signal });
            say(`${BASE_IMAGE} is here`);
          }
          const user = process.env.SUDO_USER;
          if (user && user !== "root") {
            say(
              `To use it as ${user} (who is then as good as root): usermod -aG docker ${user}, and log in again`,
            );
          }
        },
        async () => "Interrupted. What was installed stays; running this again goes on from there.",
      );
    });
}
