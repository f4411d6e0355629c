import fc from "fast-check";
import { expect, test } from "vitest";
import { Problem } from "../problem.ts";
import { destinationArgs, parseDestination } from "./destination.ts";

test.each([
  ["web", { host: "web" }],
  ["deploy@203.0.113.7", { user: "deploy", host: "203.0.113.7" }],
  ["deploy@api.example.com", { user: "deploy", host: "api.example.com" }],
  ["deploy@2001:db8::1", { user: "deploy", host: "2001:db8::1" }],
  ["ssh://web", { host: "web" }],
  ["ssh://deploy@web:2222", { user: "deploy", host: "web", port: 2222 }],
  ["ssh://web:2222/", { host: "web", port: 2222 }],
  ["ssh://root@[2001:db8::1]:22", { user: "root", host: "2001:db8::1", port: 22 }],
])("%s", (text, expected) => expect(parseDestination(text)).toEqual({ text, ...expected }));

test.each([
  "",
  "@",
  "deploy@",
  "@web",
  "-oProxyCommand=id",
  "deploy@-oProxyCommand=id",
  "-l@web",
  "a@b@c",
  "web;id",
  "web id",
  "$(id)",
  "`id`",
  "web\nid",
  "deploy@web'",
  "%h",
  "web:22",
  "deploy@web:22",
  "ssh://web:",
  "ssh://web:0",
  "ssh://web:65536",
  "ssh://web:2x",
  "ssh://web/path",
  "ssh://-web",
  "http://web",
  "../web",
])("%j is refused as bad input", (text) => {
  const error = (() => {
    try {
      parseDestination(text);
    } catch (error) {
      return error;
    }
  })();
  expect(error).toBeInstanceOf(Problem);
  expect((error as Problem).exitCode).toBe(2);
});

test("nothing that is let through could be an option or reach a shell", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      let args: string[];
      try {
        args = destinationArgs(parseDestination(text));
      } catch {
        return;
      }
      expect(args.join(" ")).toMatch(/^(-p \d+ )?(-l \w[\w.-]* )?-- [\w:][\w.:-]*$/);
    }),
    { numRuns: 2_000 },
  );
});
