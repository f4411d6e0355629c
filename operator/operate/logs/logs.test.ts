import { expect, it } from "vitest";
import { plain } from "../../../generator/report/paint.ts";
import { grepFor, sinceFor } from "./filter.ts";
import { after, type Chunked, lineCutter } from "./lines.ts";
import { readable, renderLine } from "./render.ts";

function frame(stream: 1 | 2, text: string): Buffer {
  const payload = Buffer.from(text);
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(payload.length, 4);
  return Buffer.concat([head, payload]);
}

const T = "2026-11-23T03:36:47.123456789Z";

it("cuts frames into lines, wherever the connection cuts them", () => {
  const whole = Buffer.concat([
    frame(1, `${T} grüße 🚢\n${T} two\r\n`),
    frame(2, `${T} to std`),
    frame(1, `${T} \n`),
    frame(2, "err\n"),
    frame(1, `${T} no end`),
  ]);
  for (const size of [1, 3, 7, 8, 9, 1000]) {
    const lines: Chunked[] = [];
    const cutter = lineCutter(true, (line) => lines.push(line));
    for (let at = 0; at < whole.length; at += size) cutter.push(whole.subarray(at, at + size));
    cutter.end();
    expect(lines.map(({ stream, text }) => `${stream} ${text}`)).toEqual([
      "stdout grüße 🚢",
      "stdout two",
      "stdout ",
      "stderr to stderr",
      "stdout no end",
    ]);
    expect(lines.every(({ at }) => at === T)).toBe(true);
  }
});

it("reads a container with a terminal as it comes", () => {
  const lines: Chunked[] = [];
  const cutter = lineCutter(false, (line) => lines.push(line));
  cutter.push(Buffer.from(`${T} one\r\n${T} tw`));
  cutter.push(Buffer.from("o\n"));
  expect(lines.map(({ text }) => text)).toEqual(["one", "two"]);
});

it("goes on after a time, to the nanosecond", () => {
  expect(after("2026-11-23T03:36:47.123456789Z")).toBe("1795405007.123456790");
  expect(after("2026-11-23T03:36:47.999999999Z")).toBe("1795405008.000000000");
  expect(after("2026-11-23T03:36:47Z")).toBe("1795405007.000000001");
});

it("greps a text, with capitals where they are meant, and an expression", () => {
  expect(grepFor(undefined)).toBeUndefined();
  expect(grepFor("timeout")?.("A TimeOut.")).toBe(true);
  expect(grepFor("Timeout")?.("a timeout")).toBe(false);
  expect(grepFor("a.c")?.("abc")).toBe(false);
  expect(grepFor("/a.c$/")?.("xabc")).toBe(true);
  expect(grepFor("/ABC/i")?.("abc")).toBe(true);
  expect(() => grepFor("/(/")).toThrow(/--grep \/\(\//);
});

it("takes a span or a time, and nothing else", () => {
  const now = Date.parse("2026-11-23T04:00:00Z");
  expect(sinceFor("10m", now)).toBe(now / 1000 - 600);
  expect(sinceFor("2026-11-23T03:00:00Z", now)).toBe(now / 1000 - 3600);
  for (const wrong of ["10", "yesterday", "-5m", "1795405007", "", "5m; id"])
    expect(() => sinceFor(wrong, now), wrong).toThrow(/is no time/);
});

it("renders what servers write, each in its JSON", () => {
  const ecs =
    '{"@timestamp":"x","log.level":"warn","message":"slow","http.request.method":"GET","url":{"path":"/a"},"http.response.status_code":200,"event.duration":12000000,"user.id":"7","service.name":"fkod"}';
  expect(readable(ecs)).toEqual({ level: "warn", text: "WARN slow  GET /a 200 12 ms", more: "user.id=7" });
  const failed =
    '{"log":{"level":"error"},"message":"no","error":{"message":"boom","stack_trace":"Error: boom\\n  at x"}}';
  expect(readable(failed).text).toBe("ERROR no  boom\n    Error: boom\n      at x");
  expect(readable('{"timestamp":"x","error_severity":"LOG","message":"checkpoint"}')).toMatchObject({
    text: "checkpoint",
  });
  expect(
    readable('{"http.request.method":"POST","url.path":"/x","http.response.status_code":502}').text,
  ).toBe("POST /x 502");
  expect(readable("plain text").text).toBe("plain text");
  expect(readable("{broken").text).toBe("{broken");
  expect(readable('{"a":1}').text).toBe('{"a":1}');
});

it("lets no log act on a terminal, and keeps raw raw", () => {
  const line = { service: "api-1", container: "c", stream: "stdout" as const, at: T, text: "a\u001b[2Jb" };
  const options = { paint: plain, width: 6 };
  expect(renderLine(line, options)).toBe("2026-11-23T03:36:47.123Z api-1  a\\x1b[2Jb");
  expect(renderLine(line, { ...options, raw: true })).toContain("\u001b[2J");
});
