/** What nginx's control says and takes: weights, releases, maintenance. Asked from within its container. */
import { z } from "zod";
import { Problem } from "../problem.ts";
import { execIn, type Running } from "./running.ts";

const CONTROL = "http://127.0.0.1:8081/control";

export const EdgeServer = z.object({
  weight: z.number(),
  release: z.string().nullish(),
  suspected: z.boolean().optional(),
  in_flight: z.number().optional(),
});
export type EdgeServer = z.output<typeof EdgeServer>;

export const EdgeGroup = z.object({
  maintenance: z.boolean(),
  servers: z.record(z.string(), EdgeServer),
});
export type EdgeGroup = z.output<typeof EdgeGroup>;

/** Undefined where there is no edge, or it does not answer: what is asked for beside other things. */
export async function readEdge(running: Running): Promise<Record<string, EdgeGroup> | undefined> {
  const nginx = running.containers.find(({ service, state }) => service === "nginx" && state === "running");
  if (!nginx) return undefined;
  const { exitCode, stdout } = await execIn(running, "nginx", ["curl", "-fsS", "-m", "5", CONTROL]);
  if (exitCode !== 0) return undefined;
  try {
    return z.record(z.string(), EdgeGroup).parse(JSON.parse(stdout));
  } catch {
    return undefined;
  }
}

export type EdgeChange = { maintenance?: boolean; weights?: Record<string, number> };

/** @throws Problem where nginx refuses it, or does not answer */
export async function changeEdge(running: Running, group: string, change: EdgeChange): Promise<EdgeGroup> {
  const command = ["curl", "-sS", "-m", "5", "-X", "PATCH", "--data-binary", "@-"];
  const url = `${CONTROL}/${encodeURIComponent(group)}`;
  const outcome = await execIn(running, "nginx", [...command, url], { input: JSON.stringify(change) });
  const parsed = outcome.exitCode === 0 ? parse(outcome.stdout) : undefined;
  if (parsed) return parsed;
  const said = (outcome.stdout || outcome.stderr).trim().slice(0, 300);
  throw new Problem(
    `the edge did not take the change: ${said || `exit code ${outcome.exitCode}`}`,
    `Its log: plimsoll logs ${running.site.environment} --service nginx`,
  );
}

function parse(text: string): EdgeGroup | undefined {
  try {
    return EdgeGroup.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
