/** So many a second, whatever comes of each. */
export type Pace = { /** Ends it, and waits for what is open. */ stop(): Promise<void> };

/** @param ask gets the number of its turn, and handles its own failures */
export function startPace(perSecond: number, ask: (turn: number) => Promise<unknown>): Pace {
  const open = new Set<Promise<unknown>>();
  let turn = 0;
  const timer = setInterval(() => {
    const asked = ask(turn++).finally(() => open.delete(asked));
    open.add(asked);
  }, 1000 / perSecond);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
    },
  };
}
