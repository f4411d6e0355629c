/** Requests of the end-to-end suites. */
import http from "node:http";

export type HttpAnswer = {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  json<Value = unknown>(): Value;
};

export type HttpInit = {
  method?: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON. */
  body?: string | Buffer | object;
  /** Name of the published port's service; nginx if absent. */
  service?: string;
  /** Milliseconds. */
  timeout?: number;
};

/** No connection is kept: which server answers must not depend on the test before. */
export function request(
  port: number,
  path: string,
  domain?: string,
  init: HttpInit = {},
): Promise<HttpAnswer> {
  const { body } = init;
  const isText = typeof body === "string" || Buffer.isBuffer(body) || body === undefined;
  const payload = isText ? body : JSON.stringify(body);
  const headers = {
    ...(domain && { host: domain }),
    ...(!isText && { "content-type": "application/json" }),
    ...(payload !== undefined && { "content-length": String(Buffer.byteLength(payload)) }),
    ...init.headers,
  };
  return new Promise((done, failed) => {
    const options = { host: "127.0.0.1", port, path, method: init.method ?? "GET", headers, agent: false };
    const sent = http.request({ ...options, timeout: init.timeout ?? 15_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", failed);
      response.once("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        done({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: () => JSON.parse(text),
        });
      });
    });
    sent.once("timeout", () => sent.destroy(new Error(`no answer from port ${port} within the time`)));
    sent.once("error", failed);
    sent.end(payload);
  });
}
