/** A script on a host that holds something for us as long as its stdin is open. */
import { PassThrough } from "node:stream";
import type { Host, Outcome } from "./host.ts";
import { pulse } from "./pulse.ts";

export type Hold = {
  /** A line on its stdin. */
  tell(line: string): void;
  /** It is let go: how it ended. */
  end(): Promise<Outcome>;
};

export type Holding = {
  environment?: Readonly<Record<string, string>>;
  /** Lines of its stdout but `ready`. */
  onLine?(line: string): void;
  /** It ended before it was ready. */
  refusal(outcome: Outcome): Error;
};

/** Back once it printed `ready`. @throws what `refusal` makes of a script that ended before */
export async function hold(
  host: Host,
  script: string,
  args: readonly string[],
  { environment, onLine, refusal }: Holding,
): Promise<Hold> {
  const input = new PassThrough();
  pulse(input);
  let open: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    open = resolve;
  });
  const ended = host.script(script, args, {
    ...(environment && { environment }),
    input,
    // A Ctrl-C is for us: it ends when its input does.
    apart: true,
    onLine: (line) => (line === "ready" ? open() : onLine?.(line)),
  });
  const refused = ended.then((outcome) => {
    throw refusal(outcome);
  });
  refused.catch(() => undefined);
  await Promise.race([ready, refused]).catch((error) => {
    input.end();
    throw error;
  });
  return {
    tell: (line) => void input.write(`${line}\n`),
    end() {
      input.end();
      return ended;
    },
  };
}
