import { tracingChannel } from "node:diagnostics_channel";
import { context, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";

type Command = {
  command: string;
  database: number;
  serverAddress: string;
  serverPort?: number;
  error?: unknown;
};

/** A span for each command within a request, a job or a task. ioredis tells of them by itself, on a channel of Node's. */
export function traceRedis(): void {
  const tracer = trace.getTracer("fkod/redis");
  const spans = new WeakMap<object, Span>();
  const end = (message: object) => {
    const span = spans.get(message);
    spans.delete(message);
    span?.end();
  };
  tracingChannel<Command, Command>("ioredis:command").subscribe({
    start(command) {
      if (!trace.getSpan(context.active())?.isRecording()) return;
      const span = tracer.startSpan(command.command.toUpperCase(), {
        kind: SpanKind.CLIENT,
        // Without the arguments: sessions' keys are among them.
        attributes: {
          "db.system.name": "redis",
          "db.operation.name": command.command.toUpperCase(),
          "db.namespace": String(command.database),
          "server.address": command.serverAddress,
          "server.port": command.serverPort,
        },
      });
      spans.set(command, span);
    },
    end() {},
    asyncStart() {},
    asyncEnd: end,
    error(command) {
      spans.get(command)?.setStatus({ code: SpanStatusCode.ERROR, message: String(command.error) });
    },
  });
}
