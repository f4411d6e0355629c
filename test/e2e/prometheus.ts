/** What a running stack's Prometheus answers. */
import type { RunningStack } from "./engine.ts";

type Sample = { metric: Readonly<Record<string, string>>; value: number };

/** `data` of an answer of its API. @throws where it refuses the question */
export async function askPrometheus<Data>(stack: RunningStack, path: string): Promise<Data> {
  const answer = await stack.http(path, { service: "prometheus" });
  const { status, data, error } = answer.json<{ status: string; data: Data; error?: string }>();
  if (status !== "success") throw new Error(`${path}: ${error}`);
  return data;
}

/** @param expression of an instant vector */
export async function query(stack: RunningStack, expression: string): Promise<Sample[]> {
  const { result } = await askPrometheus<{
    result: { metric: Record<string, string>; value: [number, string] }[];
  }>(stack, `/api/v1/query?query=${encodeURIComponent(expression)}`);
  return result.map(({ metric, value: [, text] }) => ({ metric, value: numberOf(text) }));
}

/** As Prometheus writes one: `+Inf` is none to JavaScript. */
function numberOf(text: string): number {
  return Number(text.replace("Inf", "Infinity"));
}
