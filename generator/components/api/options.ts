/** The words of `api` in stack.yaml. */
import { z } from "zod";
import { connectionPool } from "../../spec/core.ts";
import {
  Command,
  Duration,
  EnvironmentName,
  EnvironmentValue,
  ImageName,
  InnerPath,
  Port,
  Size,
  UrlPath,
} from "../../spec/words.ts";
import { Checks, Load } from "./checks.ts";

const BuildFolder = z.strictObject({
  context: InnerPath.describe("Folder with the Dockerfile, inside the stack's folder"),
  dockerfile: InnerPath.default("Dockerfile").describe("The Dockerfile within it"),
  debian: InnerPath.optional().describe("The Dockerfile for images: debian, from debian:forky-slim"),
});

const SecretOrigin = z.enum(["generate", "supply"], {
  error: "expected generate (made once, random) or supply (a person gives it)",
});

const Migrations = z.strictObject({
  up: Command.describe("Brings the database's schema up to the image's"),
  status: Command.optional().describe("Says which migrations are applied"),
  down: Command.optional().describe("Takes the newest migration back"),
});

export const Api = z
  .strictObject({
    image: ImageName.optional().describe("The application's image; this or build"),
    build: z
      .union([InnerPath.transform((context) => BuildFolder.parse({ context })), BuildFolder], {
        error: "expected a folder such as ./api, or { context, dockerfile, debian }",
      })
      .optional()
      .describe("The folder the application is built from; this or image"),
    command: Command.optional().describe("What a server runs; the image's own command if absent"),
    servers: z.int().min(1).max(300).default(3).describe("How many servers stand behind nginx"),
    port: Port.default(5000).describe("Port of the first server, as PORT; each next one is one higher"),
    metrics_port: Port.or(z.literal(false))
      .default(false)
      .describe(
        "Port of Prometheus metrics of the first server, as METRICS_PORT; false where there are none",
      ),
    health: UrlPath.default("/health").describe("Answers 200 while the server lives"),
    ready: UrlPath.optional().describe("Answers 200 when the server can take requests; health if absent"),
    user: z
      .string()
      .regex(/^[1-9]\d{0,9}:[1-9]\d{0,9}$/, {
        error: "expected a numeric user and group such as 1000:1000, not root",
      })
      .default("1000:1000")
      .describe("Numeric user and group that the image runs as"),
    memory: Size.prefault("160MB").describe("The least memory a server needs"),
    pool: connectionPool({ min: 5, max: 20 }).describe("Database connections of one server"),
    stop: Duration.prefault("30s").describe("How long a server may take to finish what it is doing"),
    migrate: Migrations.optional().describe(
      "Commands that run once in a release's image before it takes traffic",
    ),
    environment: z
      .record(EnvironmentName, EnvironmentValue)
      .default({})
      .describe("Environment of every process"),
    secrets: z
      .record(EnvironmentName, SecretOrigin)
      .default({})
      .describe("Environment that is secret: generate makes it once, supply asks a person for it"),
    secrets_as: z
      .enum(["environment", "files"], { error: "expected environment or files" })
      .default("environment")
      .describe("environment: an env file. files: NAME_FILE points to /run/secrets/NAME"),
    frontend: z
      .record(EnvironmentName, EnvironmentValue)
      .default({})
      .describe("Written as .env.production for the front end on its CDN; public"),
    checks: Checks,
    load: Load,
  })
  .describe("The application: its image, servers, environment and secrets");
export type Api = z.output<typeof Api>;
