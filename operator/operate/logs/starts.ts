/** Containers of a project that are started from now on. */
import type Docker from "dockerode";
import { PROJECT_LABEL, SERVICE_LABEL } from "../../up/containers.ts";
import { type Listed, ONEOFF_LABEL } from "../running.ts";

export type Starts = {
  listen(onStart: (container: Pick<Listed, "id" | "service">) => void, onEnd: () => void): void;
  close(): void;
};

export async function startsOf({ docker, project }: { docker: Docker; project: string }): Promise<Starts> {
  const stream = (await docker.getEvents({
    filters: { type: ["container"], event: ["start"], label: [`${PROJECT_LABEL}=${project}`] },
  })) as NodeJS.ReadableStream & { destroy(): void };
  const early: Pick<Listed, "id" | "service">[] = [];
  let onStart: (container: Pick<Listed, "id" | "service">) => void = (container) => {
    early.push(container);
  };
  let pending = "";
  stream.on("error", () => undefined);
  stream.on("data", (bytes: Buffer) => {
    const lines = (pending + bytes.toString("utf8")).split("\n");
    pending = lines.pop() as string;
    for (const line of lines) {
      if (line.trim() === "") continue;
      const { id, Actor } = JSON.parse(line) as { id: string; Actor: { Attributes: Record<string, string> } };
      if (Actor.Attributes[ONEOFF_LABEL] === "True") continue;
      onStart({ id, service: Actor.Attributes[SERVICE_LABEL] ?? "" });
    }
  });
  return {
    listen(listener, onEnd) {
      onStart = listener;
      for (const container of early.splice(0)) listener(container);
      stream.once("end", onEnd).once("close", onEnd);
    },
    close: () => {
      stream.removeAllListeners("end").removeAllListeners("close");
      stream.destroy();
    },
  };
}
