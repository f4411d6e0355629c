/**
 * A slow link: a TCP relay that holds back every byte by a fixed time in each direction. Order and bandwidth stay as they
 * are; bytes, connections and round trips are counted.
 *
 * A **round trip** begins with the first bytes from the near side while none is under way, and ends with the first bytes
 * that reach it a whole round-trip time of the link later (none earlier can be an answer to them). So requests in flight
 * at the same time are one, a chain of requests that each wait for the answer before is as many as its length, and the
 * time they take together is at least their number times the link's. TCP's own handshake is one for each connection, and
 * takes its time here too.
 */
import { type AddressInfo, createServer, Socket } from "node:net";

export type RelayFigures = { connections: number; sent: number; received: number; roundTrips: number };

export type Relay = {
  port: number;
  /** Milliseconds there and back. */
  roundTrip: number;
  /** Since the start or the last `reset`; sent is what came from the near side. */
  figures(): RelayFigures;
  reset(): void;
  /** Figures of what happens in it, with the milliseconds it took. */
  measure<Value>(
    action: () => Promise<Value>,
  ): Promise<{ value: Value; milliseconds: number } & RelayFigures>;
  /** Ends every connection at once, as a reset does. */
  cut(): void;
  /** `open` lets new connections in, `refused` resets them, `silent` takes them and never answers. */
  admit(how: "open" | "refused" | "silent"): void;
  /** From now on nothing passes, in connections that are open too, and nobody is told: a cable that was pulled. */
  freeze(frozen: boolean): void;
  /** Milliseconds in each direction. */
  delay(milliseconds: number): void;
  stop(): Promise<void>;
};

export type RelayOptions = {
  /** Where the far side is. */
  port: number;
  host?: string;
  /** Milliseconds in each direction: 50 is a round trip of 100 ms. */
  delay?: number;
  /** To listen on; a free one if absent. */
  listen?: number;
};

export async function startRelay(options: RelayOptions): Promise<Relay> {
  let delay = options.delay ?? 0;
  let how: "open" | "refused" | "silent" = "open";
  let frozen = false;
  const open = new Set<Socket>();
  const thawed = new Set<() => void>();
  let figures = none();

  const server = createServer({ noDelay: true }, (near) => {
    figures.connections++;
    open.add(near);
    near.on("error", () => undefined).on("close", () => open.delete(near));
    if (how === "refused") return near.resetAndDestroy();
    if (how === "silent") return near.resume();
    if (delay > 0) figures.roundTrips++;
    const far = connectLater(near);
    let since: number | undefined;
    pass(near, far, {
      // Nor does it take bytes earlier.
      notBefore: performance.now() + 3 * delay,
      taken(bytes) {
        figures.sent += bytes;
        since ??= performance.now();
      },
    });
    pass(far, near, {
      given(bytes) {
        figures.received += bytes;
        if (since === undefined) return;
        // A millisecond of slack: timers round.
        if (performance.now() - since >= 2 * delay - 1) {
          figures.roundTrips++;
          since = undefined;
        }
      },
    });
  });

  /** The far side hears of the connection when TCP's third packet would have come. */
  function connectLater(near: Socket): Socket {
    const far = new Socket();
    open.add(far);
    far.setNoDelay(true);
    far.on("error", () => near.resetAndDestroy()).on("close", () => open.delete(far));
    near.on("error", () => far.destroy());
    const dial = () => far.destroyed || far.connect(options.port, options.host ?? "127.0.0.1");
    if (delay > 0) setTimeout(dial, 3 * delay - 1);
    else dial();
    return far;
  }

  type Counters = { taken?(bytes: number): void; given?(bytes: number): void; notBefore?: number };

  function pass(from: Socket, to: Socket, { taken, given, notBefore = 0 }: Counters): void {
    let waiting = 0;
    const later = line(() => Math.max(performance.now() + delay, notBefore));
    from.on("data", (bytes) => {
      taken?.(bytes.length);
      waiting += bytes.length;
      // A link holds what is on its way, not everything there is.
      if (waiting > 32 * 1024 * 1024) from.pause();
      later(() => {
        waiting -= bytes.length;
        if (from.isPaused() && waiting < 16 * 1024 * 1024) from.resume();
        if (to.destroyed) return;
        given?.(bytes.length);
        to.write(bytes);
      });
    });
    from.on("end", () => later(() => to.destroyed || to.end()));
    from.on("close", (hadError) => later(() => (hadError ? to.resetAndDestroy() : to.destroy())));
  }

  /** First in, first out, each when its time has come, and none while the link is frozen. */
  function line(due: () => number): (action: () => void) => void {
    const actions: { at: number; action: () => void }[] = [];
    let timer: NodeJS.Timeout | undefined;
    const go = () => {
      timer = undefined;
      if (frozen) return void thawed.add(go);
      for (let first = actions[0]; first && first.at <= performance.now(); first = actions[0]) {
        actions.shift();
        first.action();
      }
      plan();
    };
    const plan = () => {
      const first = actions[0];
      if (first && !timer) timer = setTimeout(go, Math.max(0, Math.ceil(first.at - performance.now())));
    };
    return (action) => {
      actions.push({ at: due(), action });
      plan();
    };
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.listen ?? 0, "127.0.0.1", resolve);
  });

  return {
    port: (server.address() as AddressInfo).port,
    get roundTrip() {
      return 2 * delay;
    },
    figures: () => ({ ...figures }),
    reset() {
      figures = none();
    },
    async measure(action) {
      const before = { ...figures };
      const start = performance.now();
      const value = await action();
      const milliseconds = Math.round(performance.now() - start);
      return {
        value,
        milliseconds,
        connections: figures.connections - before.connections,
        sent: figures.sent - before.sent,
        received: figures.received - before.received,
        roundTrips: figures.roundTrips - before.roundTrips,
      };
    },
    cut() {
      for (const socket of open) socket.resetAndDestroy();
    },
    admit(next) {
      how = next;
    },
    freeze(next) {
      frozen = next;
      if (frozen) return;
      const waiting = [...thawed];
      thawed.clear();
      for (const go of waiting) go();
    },
    delay(milliseconds) {
      delay = milliseconds;
    },
    async stop() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function none(): RelayFigures {
  return { connections: 0, sent: 0, received: 0, roundTrips: 0 };
}
