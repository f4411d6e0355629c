import { expect, test } from "vitest";
import { basesOf, pinBases } from "./bases.ts";

const DOCKERFILE = `# comment
FROM debian:forky-slim AS scheduler
RUN true
FROM scheduler AS again
FROM postgres:18.6
COPY --from=scheduler /a /a
`;
const DIGEST = `sha256:${"0".repeat(64)}`;

test("finds what a Dockerfile takes from registries", () => {
  expect(basesOf(DOCKERFILE)).toEqual(["debian:forky-slim", "postgres:18.6"]);
});

test("pins what has a digest, and nothing else", () => {
  expect(pinBases(DOCKERFILE, { "postgres:18.6": DIGEST })).toBe(
    DOCKERFILE.replace("FROM postgres:18.6", `FROM postgres:18.6@${DIGEST}`),
  );
  expect(pinBases(DOCKERFILE, { "debian:forky-slim": DIGEST })).toContain(
    `FROM debian:forky-slim@${DIGEST} AS scheduler`,
  );
});
