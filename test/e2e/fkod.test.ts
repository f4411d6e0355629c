/** fkod's own integration tests, on a real PostgreSQL and Redis in one throwaway container. */
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip } from "./engine.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();
const NAME = `e2e-fkod-${process.pid}`;
const API = "stacks/fkod/api";
/** `npm run test:fkod` leaves these out. */
const NEED_SERVERS = ["src/integration.test.ts", "src/jobs/queue.test.ts"];
const DOCKERFILE = `FROM debian:forky-slim
RUN apt-get -o Acquire::Check-Valid-Until=false update \\
    && apt-get install -y --no-install-recommends postgresql-18 redis-server && rm -rf /var/lib/apt/lists/*
USER postgres
RUN /usr/lib/postgresql/18/bin/initdb --auth trust --username postgres /tmp/data \\
    && echo "host all all 0.0.0.0/0 trust" >> /tmp/data/pg_hba.conf
CMD ["sh", "-c", "redis-server --protected-mode no --dir /tmp --daemonize yes && exec /usr/lib/postgresql/18/bin/postgres -D /tmp/data -c listen_addresses=* -c unix_socket_directories=/tmp -c fsync=off"]
`;

describe.skipIf(!engine)("fkod's integration tests", () => {
  const env: Record<string, string> = {};
  beforeAll(async () => {
    await execa("docker", ["build", "--quiet", "--tag", NAME, "-"], { input: DOCKERFILE });
    await execa("docker", [
      "run",
      "--detach",
      "--name",
      NAME,
      "-p",
      "127.0.0.1::5432",
      "-p",
      "127.0.0.1::6379",
      NAME,
    ]);
    const port = async (inner: number) =>
      (await execa("docker", ["port", NAME, `${inner}/tcp`])).stdout.split("\n")[0]?.split(":").at(-1);
    env.TEST_DATABASE_URL = `postgres://postgres@127.0.0.1:${await port(5432)}/postgres`;
    env.TEST_REDIS_URL = `redis://127.0.0.1:${await port(6379)}`;
    await eventually(async () => {
      await execa("docker", ["exec", NAME, "pg_isready", "-h", "127.0.0.1"]);
    });
    await execa("npm", ["--prefix", API, "ci"]);
    await execa("npm", ["--prefix", API, "run", "build"]);
  });
  afterAll(async () => {
    await execa("docker", ["rm", "--force", "--volumes", NAME], { reject: false });
    await execa("docker", ["image", "rm", NAME], { reject: false });
  });

  it("pass, and skip nothing", async () => {
    const { all, exitCode } = await execa("npx", ["vitest", "run", ...NEED_SERVERS], {
      cwd: API,
      env: { ...env, NO_COLOR: "1" },
      all: true,
      reject: false,
    });
    expect(exitCode, all).toBe(0);
    expect(all).toMatch(/Tests\s+\d+ passed \(\d+\)/);
  });
});
