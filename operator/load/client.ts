/** Asks an edge over connections that are kept, and says what came of each request. */
import http from "node:http";
import https from "node:https";
import type { Ask } from "./shape.ts";
import type { Target } from "./target.ts";

export type Reply = {
  /** 0 where no whole answer came. */
  status: number;
  /** Why none came: `ECONNREFUSED`, `not answered in time`. */
  why?: string;
  /** It was waited for in vain. */
  timedOut?: boolean;
};

export type Client = {
  ask(ask: Ask, patience: number): Promise<Reply>;
  /** Why the certificate would not do for a browser; undefined where it would, and over plain HTTP. */
  distrust(): string | undefined;
  close(): void;
};

export function openClient({ scheme, address, port, domain }: Target, connections: number): Client {
  const secure = scheme === "https";
  let distrust: string | undefined;
  const agent = new (secure ? https : http).Agent({
    keepAlive: true,
    maxSockets: connections,
    maxFreeSockets: connections,
    // One that rests is closed by us before the edge does it: a request on it would meet the edge's end.
    timeout: 4_000,
  });
  const common = {
    agent,
    host: address,
    port,
    ...(secure && { servername: domain, rejectUnauthorized: false }),
  };

  function ask({ method, path, body, type }: Ask, patience: number): Promise<Reply> {
    return new Promise((resolve) => {
      const headers = {
        host: domain,
        "user-agent": "plimsoll-load",
        ...(body !== undefined && { "content-type": type, "content-length": Buffer.byteLength(body) }),
      };
      const request = (secure ? https : http).request({ ...common, method, path, headers });
      const end = (reply: Reply) => {
        clearTimeout(deadline);
        resolve(reply);
      };
      const deadline = setTimeout(
        () => {
          end({ status: 0, why: "not answered in time", timedOut: true });
          request.destroy();
        },
        Math.max(0, patience * 1_000),
      );
      const fail = (error: NodeJS.ErrnoException) => end({ status: 0, why: error.code ?? error.message });
      request.once("response", (response) => {
        const error = (response.socket as { authorizationError?: Error | string }).authorizationError;
        if (error) distrust ??= typeof error === "string" ? error : error.message;
        response.resume();
        response.once("end", () => end({ status: response.statusCode ?? 0 }));
        response.once("error", fail);
        // An answer that breaks off is no answer.
        response.once("close", () => !response.complete && fail(new Error("the answer broke off")));
      });
      request.on("error", fail);
      request.end(body);
    });
  }

  return { ask, distrust: () => distrust, close: () => agent.destroy() };
}
