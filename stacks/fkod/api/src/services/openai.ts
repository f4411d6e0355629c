import { z } from "zod";
import type { Logger } from "../log.ts";

export type OpenAi = {
  /** A short introduction for a mentor, or undefined where the feature is off or fails. */
  introduction(topic: string, goal: string): Promise<string | undefined>;
};

const Answer = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string() }) })).min(1),
});

export function createOpenAi(key: string | undefined, log: Logger): OpenAi {
  if (!key) return { introduction: async () => undefined };
  return {
    async introduction(topic, goal) {
      try {
        const answer = await fetch("https://api.openai.com/v1/chat/completions", {
          method: "POST",
          headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
          body: JSON.stringify({
            model: "gpt-4o-mini",
            max_tokens: 120,
            messages: [
              { role: "system", content: "Introduce a learner to a mentor in two friendly sentences." },
              { role: "user", content: `Topic: ${topic}. Goal: ${goal}` },
            ],
          }),
          // A match must not wait long for a nicety.
          signal: AbortSignal.timeout(4_000),
        });
        if (!answer.ok) throw new Error(`OpenAI answered ${answer.status}`);
        return Answer.parse(await answer.json()).choices[0]?.message.content.slice(0, 1_000);
      } catch (error) {
        log.warn({ err: error as Error }, "no introduction");
        return undefined;
      }
    },
  };
}
