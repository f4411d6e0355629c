/** The words of `api.checks` and `api.load`: what `plimsoll check` and `plimsoll load` cannot find out by themselves. */
import { z } from "zod";
import { Command, InnerPath, Share } from "../../spec/words.ts";

export const Checks = z
  .strictObject({
    folder: InnerPath.optional().describe("The application's sources; api.build.context if absent"),
    test: Command.default("npm test").describe("Runs the tests, in that folder"),
    lint: Command.default("npm run lint").describe("Runs the linter, in that folder"),
    coverage: Share.prefault("80%").describe("Share of the lines that the tests must run"),
    frontend: InnerPath.optional().describe(
      "The front end's built files, where they are in the stack's folder",
    ),
  })
  .prefault({})
  .describe("What `plimsoll check` runs in the application's sources");
export type Checks = z.output<typeof Checks>;

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

const LoadRequest = z.strictObject({
  path: z
    .string({ error: "expected a path such as /api/v1/courses?page=1" })
    .max(2000)
    .regex(/^\/[\x21-\x7e]*$/, { error: "expected a path such as /api/v1/courses?page=1: it starts with /" })
    .describe("Path, with its query"),
  method: z
    .enum(methods, { error: `expected one of ${methods.join(", ")}` })
    .default("GET")
    .describe("Method"),
  body: z
    .union([z.string(), z.record(z.string(), z.unknown())], {
      error: "expected a text, or a map sent as JSON",
    })
    .optional()
    .describe("Body: a text as it is, a map as JSON"),
  weight: z.int().min(1).max(1000).default(1).describe("How often, compared with the others"),
});
export type LoadRequest = z.output<typeof LoadRequest>;

export const Load = z
  .strictObject({
    requests: z
      .array(LoadRequest)
      .max(100)
      .default([])
      .describe("What is asked, by weight; the health path if there are none"),
  })
  .prefault({})
  .describe("What `plimsoll load` asks the stack");
export type Load = z.output<typeof Load>;
