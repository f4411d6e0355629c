/** The questions of `init`. Prompts go to stderr: stdout is for results. */

import { bytes } from "../generator/report/units.ts";
import { droplets } from "../generator/spec/machine.ts";
import type { Answers } from "../generator/spec/starter.ts";
import { Command, Domain, ImageName, InnerPath, Name, Port } from "../generator/spec/words.ts";
import { ExitError } from "./exit.ts";

export type Given = Partial<Answers>;

type Schema = {
  safeParse(value: unknown): { success: boolean; error?: { issues: readonly { message: string }[] } };
};

/** Asks for what the flags left open. */
export async function ask(given: Given): Promise<Answers> {
  const { cancel, intro, isCancel, outro, select, text } = await import("@clack/prompts");
  const output = process.stderr;
  const stop = (): never => {
    cancel("Nothing was written.", { output });
    throw new ExitError(1);
  };
  const line = async (
    message: string,
    schema: Schema,
    options: { placeholder?: string; initialValue?: string } = {},
  ) => {
    const answer = await text({
      message,
      output,
      ...options,
      validate: (value) => schema.safeParse(value ?? "").error?.issues[0]?.message,
    });
    return isCancel(answer) ? stop() : answer;
  };
  const choose = async (
    message: string,
    options: { value: string; label: string; hint?: string }[],
    initialValue?: string,
  ) => {
    const answer = await select({ message, output, options, initialValue });
    return isCancel(answer) ? stop() : answer;
  };

  intro("A new stack", { output });
  const name = given.name ?? (await line("What is it called?", Name, { placeholder: "my-api" }));
  const domain =
    given.domain ??
    (await line("Which host name does it answer on?", Domain, { placeholder: "api.example.com" }));
  const origin = given.image === undefined && given.build === undefined ? await askOrigin() : {};
  const port =
    given.port ??
    Number(
      await line("Which port does the application listen on? It is handed over as PORT.", asNumber(Port), {
        initialValue: "5000",
      }),
    );
  const machine = given.machine ?? (await choose("Which droplet?", machines(), "s-2vcpu-4gb"));
  const worker = given.worker ?? (await askWorker());
  outro("That is all.", { output });
  return { ...given, name, domain, ...origin, port, machine, ...(worker !== "" && { worker }) };

  async function askOrigin(): Promise<Pick<Answers, "image" | "build">> {
    const kind = await choose("Where does the application come from?", [
      { value: "image", label: "an image", hint: "ghcr.io/me/api:1.4.0" },
      { value: "build", label: "a folder with a Dockerfile", hint: "built on the spot" },
    ]);
    return kind === "image"
      ? { image: await line("Which image?", ImageName, { placeholder: "ghcr.io/me/api:1.4.0" }) }
      : { build: await line("Which folder, inside the stack's own?", InnerPath, { initialValue: "./api" }) };
  }

  async function askWorker(): Promise<string> {
    const optional: Schema = {
      safeParse: (value) => (value === "" ? { success: true } : Command.safeParse(value)),
    };
    return await line("A worker beside the servers? Its command, or nothing.", optional, {
      placeholder: "node dist/worker.js",
    });
  }
}

function asNumber(schema: Schema): Schema {
  return { safeParse: (value) => schema.safeParse(Number(value)) };
}

function machines() {
  return droplets.map(({ slug, cpus, memory, price }) => ({
    value: slug as string,
    label: slug,
    hint: `${cpus} vCPU, ${bytes(memory)}, $${price} a month`,
  }));
}
