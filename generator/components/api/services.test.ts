import { expect, it } from "vitest";
import { produce } from "../../index.ts";
import { shortest, sourceOf } from "../../testing/source.ts";

const environmentOf = (service: string, words: string) =>
  produce(sourceOf(`${shortest}${words}\n`), "production").plan.services[service]?.compose.environment ?? {};

it("adds the heap to the options of Node that a user sets", () => {
  const { NODE_OPTIONS } = environmentOf("api-1", "  environment: { NODE_OPTIONS: --enable-source-maps }");
  expect(NODE_OPTIONS).toMatch(/^--max-old-space-size=\d+ --enable-source-maps$/);
  expect(environmentOf("api-1", "").NODE_OPTIONS).toMatch(/^--max-old-space-size=\d+$/);
});

it("lets what a user sets win over what the stack provides, in every process", () => {
  const words = `  secrets_as: files
processes:
  worker: { command: x, environment: { DATABASE_URL_FILE: /elsewhere, PORT: 9000 } }`;
  expect(environmentOf("worker-1", words)).toMatchObject({ DATABASE_URL_FILE: "/elsewhere", PORT: "9000" });
  expect(environmentOf("api-1", words)).toMatchObject({
    DATABASE_URL_FILE: "/run/secrets/DATABASE_URL",
    PORT: "5000",
  });
});
