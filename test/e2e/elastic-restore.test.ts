/**
 * Elasticsearch's logs the whole way: a snapshot in a real server (see elastic/servers.ts), the real sidecar with restic
 * over its folder, and the operator's restore. The server runs beside the engine, since there is no image of it here: the
 * container that stands for it shares its network and its folder, and has our scripts as Elastic's has them.
 */
import { chmod, chown, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot, readOwn } from "../../generator/package.ts";
import { type FilesTarget, restoreFiles } from "../../operator/files/restore.ts";
import { localHost } from "../../operator/host/local.ts";
import type { Running } from "../../operator/operate/running.ts";
import { prepare, type Server, type Servers, startStripped } from "./elastic/servers.ts";
import { engineOrSkip } from "./engine.ts";

const PORT = 19_460;
const PROJECT = "plimsoll-elastic-restore";
const IMAGE = `${PROJECT}:sidecar`;
const STREAM = "logs-plimsoll-default";
const PASSWORD = "hidden-elastic";
const WHAT = "elasticsearch";
const VOLUME = "elasticsearch-snapshots";

const engine = await engineOrSkip();
const servers = engine ? await prepare() : "no engine";
if (typeof servers === "string") console.log(`elastic: skipped, ${servers}`);

async function docker(...words: string[]): Promise<string> {
  return (await execa("docker", words)).stdout.trim();
}

describe.skipIf(typeof servers === "string")("the logs' way out and back", () => {
  const { folder = "" } = servers as Servers;
  const snapshots = join(folder, "snapshots");
  const secrets = join(folder, "secrets");
  const state = join(folder, "state");
  let server: Server;

  async function ask(method: string, path: string, body?: unknown) {
    const response = await fetch(`${server.url}/${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(`elastic:${PASSWORD}`).toString("base64")}`,
        "content-type": "application/json",
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, json: (await response.json().catch(() => undefined)) as never };
  }
  const write = async (message: string) => {
    const { status } = await ask("POST", `${STREAM}/_doc?refresh=true`, {
      "@timestamp": "2026-11-27T01:00:00Z",
      message,
    });
    expect(status).toBe(201);
  };
  const lines = async () => {
    const { json } = await ask("POST", `${STREAM}/_search?size=1000`);
    const { hits } = (json as { hits: { hits: { _source: { message: string } }[] } }).hits;
    return hits.map(({ _source }) => _source.message).sort();
  };
  const indices = async () =>
    (
      (await ask("GET", `_cat/indices/.ds-${STREAM}-*?format=json&expand_wildcards=all&s=index`)).json as {
        index: string;
      }[]
    ).map(({ index }) => index);
  const statuses = async () =>
    ((await ask("GET", "_cat/snapshots/plimsoll?format=json")).json as { status: string }[]).map(
      ({ status }) => status,
    );
  const keeper = () =>
    execa("bash", [join(packageRoot, "elk/scripts/keeper.sh"), "snapshot"], {
      env: {
        ELASTICSEARCH_URL: server.url,
        SECRETS: secrets,
        LOG_BYTES: "1",
        SNAPSHOT_EVERY: "0",
        OTHERS_FOR: "60",
      },
      reject: false,
      all: true,
    });
  const snapshot = async () => {
    expect((await keeper()).all).toBe("");
    await expect.poll(statuses, { timeout: 60_000 }).not.toContain("IN_PROGRESS");
  };
  const sidecar = (...words: string[]) =>
    execa("docker", ["exec", `${PROJECT}-sidecar`, ...words], { reject: false, all: true });
  const backup = () => sidecar("plimsoll-backup-files", "now");

  const running = {
    site: { host: localHost(), state, environment: "production", stack: "shop" },
    project: { name: PROJECT, engine },
  } as unknown as Running;
  const target: FilesTarget = {
    what: WHAT,
    volume: VOLUME,
    snapshot: "latest",
    words: WHAT,
    broughtBy: { service: WHAT, command: ["/bin/bash", "/etc/plimsoll/scripts/bring.sh"] },
  };
  const restore = (of = "latest") => {
    const said: string[] = [];
    return restoreFiles(running, { ...target, snapshot: of }, (line) => said.push(line)).then(
      (restored) => ({ ...restored, said }),
      (error: Error) => ({ error: error.message, said }),
    );
  };
  /** A container as Compose labels it. */
  const run = (service: string, ...words: string[]) =>
    docker(
      ...["run", "--detach", "--init", "--name", `${PROJECT}-${service === WHAT ? service : "sidecar"}`],
      ...[
        "--label",
        `com.docker.compose.project=${PROJECT}`,
        "--label",
        `com.docker.compose.service=${service}`,
      ],
      ...["--label", "com.docker.compose.oneoff=False", ...words],
    );

  beforeAll(async () => {
    for (const path of [snapshots, secrets, state]) await mkdir(path, { recursive: true });
    if (process.getuid?.() === 0) await chown(snapshots, 1000, 0);
    await chmod(snapshots, 0o770);
    for (const name of ["elastic_password", "elastic_keeper_password"])
      await writeFile(join(secrets, name), PASSWORD);
    await writeFile(join(secrets, "backup_restic_password"), "hidden-restic");
    server = await startStripped(servers as Servers, PORT, PASSWORD, {
      "path.repo": snapshots,
      "transport.host": "127.0.0.1",
      "xpack.license.self_generated.type": "basic",
      "xpack.security.enabled": "true",
      "xpack.security.autoconfiguration.enabled": "false",
      "xpack.security.http.ssl.enabled": "false",
      "xpack.security.transport.ssl.enabled": "false",
    });
    await ask("PUT", "_index_template/logs-plimsoll", {
      index_patterns: ["logs-plimsoll-*"],
      data_stream: {},
      priority: 500,
      template: { settings: { number_of_replicas: 0 } },
    });
    await ask("PUT", "_snapshot/plimsoll", { type: "fs", settings: { location: snapshots } });
    const role = JSON.parse(readOwn("elk/elasticsearch/roles/plimsoll_log_keeper.json"));
    await ask("PUT", "_security/role/plimsoll_log_keeper", role);
    await ask("PUT", "_security/user/log_keeper", { password: PASSWORD, roles: ["plimsoll_log_keeper"] });

    const config = join(folder, "sidecar");
    await mkdir(config);
    await writeFile(join(config, "sources"), `${WHAT} ${VOLUME} whole 7d\n`);
    await writeFile(join(config, "crontab"), "0 0 1 1 * true\n");
    await docker(
      ...["build", "--quiet", "--tag", IMAGE],
      join(packageRoot, "stacks/fkod/generated/local/images/backup-files"),
    );
    await remove();
    // The named volume is the folder that the server has.
    await docker(
      ...["volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", `device=${snapshots}`],
      `${PROJECT}_${VOLUME}`,
    );
    await run(
      WHAT,
      ...["--network", "host", "--user", "1000:0", "--entrypoint", "sleep"],
      ...[
        "--env",
        `ELASTICSEARCH_URL=${server.url}`,
        "--env",
        `SNAPSHOTS=${snapshots}`,
        "--env",
        "PATIENCE=20",
      ],
      ...["--volume", `${secrets}:/run/secrets:ro`],
      ...["--volume", `${join(packageRoot, "elk/scripts")}:/etc/plimsoll/scripts:ro`],
      ...[IMAGE, "infinity"],
    );
    await run(
      "backup-files",
      ...[
        "--network",
        "none",
        "--env",
        "RESTIC_REPOSITORY=/repository",
        "--env",
        "PLIMSOLL_STACK=shop-production",
      ],
      ...["--env", "RESTIC_PASSWORD_FILE=/run/secrets/backup_restic_password", "--env", "PLIMSOLL_KEEP=30d"],
      ...[
        "--env",
        "PLIMSOLL_STILL=1",
        "--tmpfs",
        "/run/plimsoll:size=4m,mode=0700,uid=999,gid=0",
        "--tmpfs",
        "/metrics:mode=1777",
      ],
      ...[
        "--volume",
        `${PROJECT}_repository:/repository`,
        "--volume",
        `${PROJECT}_${VOLUME}:/source/${VOLUME}:ro`,
      ],
      ...["--volume", `${config}:/etc/plimsoll-backup:ro`],
      ...["--volume", `${join(secrets, "backup_restic_password")}:/run/secrets/backup_restic_password:ro`],
      ...[IMAGE, "run"],
    );
  });

  async function remove() {
    await execa("docker", ["rm", "--force", "--volumes", `${PROJECT}-${WHAT}`, `${PROJECT}-sidecar`], {
      reject: false,
    });
    for (const name of [VOLUME, "repository", "owned"])
      await execa("docker", ["volume", "rm", "--force", `${PROJECT}_${name}`], { reject: false });
  }
  afterAll(async () => {
    await server?.stop();
    if (!folder) return;
    await remove();
    await execa("docker", ["image", "rm", IMAGE], { reject: false });
    await rm(folder, { recursive: true, force: true });
  });

  let first = "";

  it("an empty volume is no backup, and a restore says so", async () => {
    const { exitCode, all } = await backup();
    expect([exitCode, all]).toEqual([0, expect.stringContaining(`there is nothing of ${WHAT} yet`)]);
    expect(await restore()).toMatchObject({ error: `${WHAT} was not restored: nothing was changed` });
  });

  it("goes into restic, is lost, and comes back; and is taken away again once", async () => {
    await write("one");
    await write("two");
    first = (await indices())[0] as string;
    await ask("POST", `${STREAM}/_rollover`);
    await write("three");
    await snapshot();
    const made = await backup();
    expect([made.exitCode, made.all]).toEqual([0, expect.stringContaining(`backup of ${WHAT} is done`)]);
    const whole = await lines();
    expect((await ask("DELETE", first)).status).toBe(200);
    await write("since");

    const restored = await restore();
    expect(restored).toMatchObject({ what: WHAT, brought: 1, said: expect.arrayContaining(["brought 1"]) });
    expect(await lines()).toEqual([...whole, "since"].sort());
    // The copy is gone, and no part of the next backup.
    expect((await readdir(snapshots)).filter((name) => name.startsWith("."))).toEqual([]);
    expect(await restore()).toMatchObject({ brought: 0 });
    expect(await restore("undo")).toMatchObject({ brought: 1 });
    expect(await lines()).toEqual(["since", "three"]);
    expect(await restore("undo")).toMatchObject({
      error: expect.stringContaining("nothing of elasticsearch was brought back"),
    });
  });

  it("is whole in restic, however many snapshots come and go meanwhile", async () => {
    let going = true;
    const coming = (async () => {
      while (going) await keeper();
    })();
    // Each begins while something changes; the sidecar waits for a second in which nothing does.
    const pause = new Promise((resolve) => setTimeout(resolve, 6000)).then(() => {
      going = false;
    });
    const { exitCode, all } = await backup();
    await pause;
    await coming;
    expect([exitCode, all]).toEqual([0, expect.stringContaining("is done")]);
    await expect.poll(statuses, { timeout: 60_000 }).not.toContain("IN_PROGRESS");
    await ask("POST", `${STREAM}/_rollover`);
    const lost = (await indices())[0] as string;
    const before = await lines();
    expect((await ask("DELETE", lost)).status).toBe(200);
    expect(await lines()).not.toEqual(before);
    expect(await restore()).toMatchObject({ brought: 1 });
    expect(await lines()).toEqual(before);
  });

  it("is brought by one at a time", async () => {
    const both = await Promise.all([restore(), restore()]);
    const refused = both.filter((one) => "error" in one);
    expect(refused).toMatchObject([{ error: expect.stringContaining(`a restore of ${WHAT}`) }]);
  });

  it("is refused in words with another key, and without the server, and nothing is changed", async () => {
    const before = await lines();
    await docker("stop", "--time", "1", `${PROJECT}-${WHAT}`);
    expect(await restore()).toMatchObject({ error: `${WHAT} does not run: it is what brings ${WHAT} back` });
    await docker("start", `${PROJECT}-${WHAT}`);
    await writeFile(join(secrets, "backup_restic_password"), "hidden-other");
    expect(await restore()).toMatchObject({ error: `${WHAT} was not restored: nothing was changed` });
    await writeFile(join(secrets, "backup_restic_password"), "hidden-restic");
    expect(await lines()).toEqual(before);
    expect(await restore()).not.toHaveProperty("error");
  });

  it("undoes what one brought that was killed", async () => {
    const lost = (await indices())[0] as string;
    expect((await ask("DELETE", lost)).status).toBe(200);
    const before = await lines();
    expect(await restore()).toMatchObject({ brought: 1 });
    // As a script leaves it that was killed before its end.
    await execa("mv", [join(state, `brought-${WHAT}`), join(state, `brought-${WHAT}.part`)]);
    await mkdir(join(snapshots, ".plimsoll-new/stray"), { recursive: true });
    expect(await restore("undo")).toMatchObject({ brought: 1 });
    expect(await lines()).toEqual(before);
    expect(await restore()).toMatchObject({ brought: 1 });
    expect((await readdir(snapshots)).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("gives the volume to Elasticsearch, whose image has no such folder, in whatever order they are made", async () => {
    const volume = `${PROJECT}_owned`;
    await docker("volume", "create", volume);
    const stat = (...words: string[]) =>
      docker("run", "--rm", "--network", "none", "--entrypoint", "stat", ...words, "-c", "%u:%g %a");
    await stat(
      "--volume",
      `${volume}:/usr/share/elasticsearch/snapshots`,
      IMAGE,
      "/usr/share/elasticsearch/snapshots",
    );
    const seen = await stat("--volume", `${volume}:/source/${VOLUME}:ro`, IMAGE, `/source/${VOLUME}`);
    expect(seen).toBe("1000:0 770");
    const server = await stat(
      "--volume",
      `${volume}:/usr/share/elasticsearch/snapshots`,
      IMAGE,
      "/usr/share/elasticsearch/snapshots",
    );
    expect(server).toBe("1000:0 770");
  });
});
