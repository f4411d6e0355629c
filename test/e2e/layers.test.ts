/** An image to a host without a registry, over real ssh into an engine of its own. */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Host } from "../../operator/host/host.ts";
import { localHost } from "../../operator/host/local.ts";
import { sshHost } from "../../operator/host/ssh.ts";
import { survey } from "../../operator/images/archive.ts";
import { type Sent, sendImage } from "../../operator/images/layers.ts";
import { load } from "../../operator/images/load.ts";
import { formatProblem, Problem } from "../../operator/problem.ts";
import { type Droplet, startDroplet } from "./droplet.ts";
import { engineOrSkip } from "./engine.ts";
import { type Relay, startRelay } from "./relay.ts";

const BASE = "debian:forky-slim";
const engine = await engineOrSkip();

describe.skipIf(!engine)("an image sent layer by layer", () => {
  const stem = `layersdev-${randomBytes(3).toString("hex")}`;
  const docker = engine?.docker as NonNullable<typeof engine>["docker"];
  let droplet: Droplet;
  let relay: Relay;
  let folder: string;
  let config: string;
  const open: Host[] = [];
  const said: string[] = [];
  const built: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "layers-"));
    droplet = await startDroplet({ name: "layersdev" });
    await droplet.images([BASE]);
    relay = await startRelay({ host: droplet.address, port: droplet.port });
    config = join(folder, "config");
    const key = (await readFile(droplet.knownHosts, "utf8")).split(" ").slice(1).join(" ");
    await writeFile(join(folder, "known"), `[127.0.0.1]:${relay.port} ${key}`);
    await writeFile(
      config,
      `IdentityFile ${droplet.keyFile}\nUserKnownHostsFile ${join(folder, "known")}\nStrictHostKeyChecking yes\nBatchMode yes\n`,
    );
  });
  afterAll(async () => {
    for (const host of open) await host.close();
    await relay?.stop();
    await droplet?.stop();
    // Those whose name has moved on, too.
    const tagged = (await docker.listImages()).filter(({ RepoTags }) =>
      RepoTags?.some((tag) => tag.startsWith(stem)),
    );
    for (const id of new Set([...tagged.map(({ Id }) => Id), ...built])) {
      await docker
        .getImage(id)
        .remove({ force: true })
        .catch(() => undefined);
    }
    await rm(folder, { recursive: true, force: true });
  });

  async function connect(): Promise<Host> {
    const host = await sshHost(`ssh://deploy@127.0.0.1:${relay.port}`, { configFile: config });
    open.push(host);
    return host;
  }

  /** Layers on the base, each of random bytes that no compression makes smaller. */
  async function build(tag: string, layers: Readonly<Record<string, Buffer>>): Promise<string> {
    const context = await mkdtemp(join(folder, "context-"));
    const lines = [`FROM ${BASE}`];
    for (const [name, content] of Object.entries(layers)) {
      await writeFile(join(context, name), content);
      lines.push(`COPY ${name} /${name}`);
    }
    await writeFile(join(context, "Dockerfile"), lines.join("\n"));
    built.push((await execa("docker", ["build", "--quiet", "--tag", `${stem}:${tag}`, context])).stdout);
    return `${stem}:${tag}`;
  }

  const send = (host: Host, image: string): Promise<Sent> =>
    sendImage(host, docker, image, (line) => said.push(line));
  const idOf = async (image: string) => (await docker.getImage(image).inspect()).Id;
  const idThere = (image: string) =>
    droplet.exec(`docker image inspect --format '{{.Id}}' ${image}`).then((id) => id.trim());

  /** What `docker save | gzip | ssh docker load` would have sent. */
  function whole(image: string): number {
    return Number(
      execFileSync("bash", ["-c", 'docker save "$1" | gzip -6 | wc -c', "bash", image], { encoding: "utf8" }),
    );
  }

  function compare(what: string, image: string, { sent, layers, bytes }: Sent): void {
    const all = whole(image);
    console.log(
      `${what}: ${sent} of ${layers} layers, ${bytes} of ${all} bytes: 1/${Math.round(all / Math.max(bytes, 1))}`,
    );
  }

  const [one, two, other] = [randomBytes(300_000), randomBytes(200_000), randomBytes(100_000)];

  test("sends what is missing, and nothing twice", async () => {
    const host = await connect();
    // Of its own: a second try must find nothing there of the first.
    const [one, two, other] = [randomBytes(300_000), randomBytes(200_000), randomBytes(100_000)];
    const first = await build("v1", { one, two });
    const sent = await send(host, first);
    compare("base there", first, sent);
    expect(sent).toMatchObject({ id: await idOf(first), layers: 3, sent: 2 });
    expect(sent.bytes).toBeGreaterThan(500_000);
    expect(sent.bytes).toBeLessThan(520_000);
    expect(await idThere(first)).toBe(await idOf(first));
    expect(await droplet.exec(`docker run --rm ${first} sha256sum /one /two`)).toBe(
      execFileSync("bash", ["-c", `docker run --rm ${first} sha256sum /one /two`], {
        encoding: "utf8",
      }).trim(),
    );

    expect(await send(host, first)).toMatchObject({ layers: 3, sent: 0, bytes: 0 });

    const second = await build("v2", { one, two: other });
    const changed = await send(host, second);
    compare("one layer changed", second, changed);
    expect(changed).toMatchObject({ layers: 3, sent: 1 });
    expect(changed.bytes).toBeLessThan(120_000);
    expect(await idThere(second)).toBe(await idOf(second));
    expect(await idThere(first)).toBe(await idOf(first));

    // The same content on another layer is another layer.
    const turned = await build("v3", { two, one });
    expect(await send(host, turned)).toMatchObject({ layers: 3, sent: 2 });
    expect(await droplet.exec(`docker run --rm ${turned} sha256sum /one | cut -c 1-8`)).toHaveLength(8);
  });

  test("gives a name to what is there under another one", async () => {
    const host = await connect();
    const first = await build("named", { one, two });
    await send(host, first);
    await execa("docker", ["tag", first, `${stem}:alias`]);
    expect(await send(host, `${stem}:alias`)).toMatchObject({ sent: 0, bytes: 0 });
    expect(await idThere(`${stem}:alias`)).toBe(await idOf(first));
    // The name moves on with the next image.
    const next = await build("alias", { one, two, other });
    expect(await send(host, next)).toMatchObject({ sent: 1 });
    expect(await idThere(next)).toBe(await idOf(next));
    expect(await idThere(first)).toBe(await idOf(first));
  });

  test("sends an image by its id", async () => {
    const host = await connect();
    const id = await idOf(await build("by-id", { other, one }));
    expect(await send(host, id)).toMatchObject({ id, sent: 2 });
    expect(await idThere(id)).toBe(id);
    expect(await send(host, id.slice(7, 19))).toMatchObject({ id, sent: 0 });
  });

  test("leaves nothing of a stream that was cut, and sends it again", async () => {
    const host = await connect();
    const image = await build("cut", { big: randomBytes(20_000_000), one });
    await host.run("true", []);
    relay.reset();
    const sending = send(host, image).catch((error: unknown) => error);
    await expect
      .poll(() => relay.figures().sent, { interval: 5, timeout: 60_000 })
      .toBeGreaterThan(3_000_000);
    relay.cut();
    const error = await sending;
    expect(error).toBeInstanceOf(Problem);
    console.log(formatProblem(error as Problem));
    expect((await droplet.attempt(`docker image inspect ${image}`)).exitCode).toBe(1);
    await expect
      .poll(() => droplet.exec("find /var/lib/docker/tmp -mindepth 1; pgrep -x docker || true"), {
        timeout: 30_000,
      })
      .toBe("");
    const again = await connect();
    const sent = await send(again, image);
    compare("after a cut", image, sent);
    expect(sent).toMatchObject({ sent: 2 });
    expect(await idThere(image)).toBe(await idOf(image));
  });

  test("sends a layer that is needed twice, where only the lower one is there", async () => {
    const host = await connect();
    const below = await build("below", { one });
    const image = `${stem}:twice`;
    const context = await mkdtemp(join(folder, "context-"));
    await writeFile(
      join(context, "Dockerfile"),
      `FROM ${below}\nRUN rm /one\nCOPY --from=${below} /one /one\n`,
    );
    await execa("docker", ["build", "--quiet", "--tag", image, context]);
    const layers = (await docker.getImage(image).inspect()).RootFS.Layers;
    expect(layers?.[3]).toBe(layers?.[1]);
    await send(host, below);
    expect(await send(host, image)).toMatchObject({ layers: 4, sent: 2 });
    expect(await droplet.exec(`docker run --rm ${image} sha256sum /one`)).toContain(
      createHash("sha256").update(one).digest("hex"),
    );
  });

  test("sees that a layer is gone, and that the disk is full", async () => {
    const host = await connect();
    const image = await build("gone", { new: randomBytes(200_000), one });
    const { sizes } = await survey((await docker.getImage(image).get()) as Readable);
    const drop = new Set([...sizes].filter(([, size]) => size > 50_000).map(([path]) => path));
    const source = { open: async () => (await docker.getImage(image).get()) as Readable, drop };
    expect(await load(host, source, { image, names: [image], root: "" })).toMatchObject({
      kind: "layer missing",
    });
    await droplet.exec("mount -t tmpfs -o size=150k tmpfs /var/lib/docker/tmp");
    const error = await send(host, image).catch((error: unknown) => error);
    await droplet.exec("umount /var/lib/docker/tmp");
    expect(formatProblem(error as Problem)).toMatch(/the disk of .* \(\/var\/lib\/docker\) is full/);
    expect((await droplet.attempt(`docker image inspect ${image}`)).exitCode).toBe(1);
    expect(await send(host, image)).toMatchObject({ sent: 2 });
  });

  test("says what stops it, and changes nothing", async () => {
    const host = await connect();
    const foreign = `${stem}:foreign`;
    await execa("docker", ["import", "--platform", "linux/arm64", "-", foreign], {
      input: execFileSync("tar", ["-c", "-T", "/dev/null"]),
    });
    const refusal = async (image: string) => {
      const error = await send(host, image).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(Problem);
      return formatProblem(error as Problem);
    };
    expect(await refusal(foreign)).toMatch(
      /is for linux\/arm64, and .* is linux\/amd64[\s\S]*--platform linux\/amd64/,
    );
    expect(await refusal(`${stem}:none`)).toMatch(/there is no image .*:none on this machine/);
    expect(await refusal("../containers/json")).toMatch(/is no image's name/);
    expect((await droplet.attempt(`docker image inspect ${foreign}`)).exitCode).toBe(1);
  });

  /** Last: the droplet's engine is another one then. */
  test("sends every layer to the containerd image store, and from it only what is missing", async () => {
    // Its folder on the volume: an overlay does not stand on another.
    await droplet.exec(
      `systemctl stop docker.socket docker containerd && mkdir -p /var/lib/docker/store /var/lib/containerd &&
       mount --bind /var/lib/docker/store /var/lib/containerd &&
       sed -i '1s/{/{ "features": { "containerd-snapshotter": true },/' /etc/docker/daemon.json &&
       systemctl start containerd docker`,
    );
    const host = await connect();
    expect((await host.run("docker", ["info", "--format", "{{.DriverStatus}}"])).stdout).toContain(
      "io.containerd.snapshotter",
    );
    const image = await build("store", { one, two });
    expect(await send(host, image)).toMatchObject({ layers: 3, sent: 3 });
    expect(await send(host, image)).toMatchObject({ layers: 3, sent: 0, bytes: 0 });
    const next = await build("store", { one, two: other });
    expect(await send(host, next)).toMatchObject({ layers: 3, sent: 3 });
    expect(await droplet.exec(`docker run --rm ${next} sha256sum /two`)).toContain(
      createHash("sha256").update(other).digest("hex"),
    );

    const theirs = host.docker("unix:///var/run/docker.sock");
    await droplet.exec(
      `mkdir /context && cd /context && head -c 100000 /dev/urandom > three &&
       printf 'FROM ${next}\nCOPY three /three\n' > Dockerfile && docker build --quiet --tag ${stem}:back .`,
    );
    const back = await sendImage(localHost(), theirs, `${stem}:back`, (line) => said.push(line));
    expect(back).toMatchObject({ layers: 4, sent: 1 });
    expect(back.bytes).toBeLessThan(120_000);
    expect((await execa("docker", ["run", "--rm", `${stem}:back`, "sha256sum", "/three"])).stdout).toBe(
      await droplet.exec("sha256sum /context/three | sed 's:/context/:/:'"),
    );
    expect(await sendImage(localHost(), theirs, `${stem}:back`, () => undefined)).toMatchObject({ sent: 0 });
  });
});
