/** What the counting client is told, and what it tells. */
export type ClientOptions = {
  /** Where to: http://127.0.0.1:8080 */
  url: string;
  /** Host header (and TLS name), where it is not the url's. */
  host?: string;
  perSecond: number;
  /** Kept-alive connections, at most. */
  connections: number;
  /** One of each so many requests takes `slowMs` on the server. */
  slowEvery: number;
  slowMs: number;
  timeoutMs: number;
  /** Ends by itself after so many seconds; 0: when told. */
  seconds: number;
  /** UDP port where servers tell of each POST they did (EFFECTS of the test application). */
  effectsPort?: number;
};

export const defaults: Omit<ClientOptions, "url"> & { url: string } = {
  url: "http://127.0.0.1:8080",
  perSecond: 50,
  connections: 24,
  slowEvery: 25,
  slowMs: 1500,
  timeoutMs: 20_000,
  seconds: 0,
};

type Latency = { p50: number; p95: number; max: number };

export type Counts = {
  /** Requests begun since the last take. All that follow count when they end: */
  sent: number;
  ok: number;
  /** not answered as they should be: the sum of the next four. No request is ever repeated by the client. */
  lost: number;
  /** a status other than 200, */
  failed: number;
  /** no answer or half of one: the connection broke, was refused, or ended early, */
  reset: number;
  timeout: number;
  /** 200 with something else in it. */
  wrong: number;
  /** POSTs that were done more than once, since the start. */
  duplicates: number;
  /** POSTs that were done and whose answer was lost or is still awaited, since the start. */
  unanswered: number;
  byRelease: Record<string, number>;
  byServer: Record<string, number>;
  /** What was lost, by status or error code. */
  kinds: Record<string, number>;
  seconds: number;
  /** Longest time between two good answers, in ms. */
  gap: number;
  /** Latencies in ms. */
  quick: Latency;
  slow: Latency;
};
