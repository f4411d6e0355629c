import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Droplet, startDroplet, withDroplet } from "./droplet.ts";
import { engineOrSkip } from "./engine.ts";

describe.skipIf(!(await engineOrSkip()))("a droplet for the tests", () => {
  let droplet: Droplet;
  beforeAll(async () => {
    droplet = await startDroplet({ name: "itself" });
  });
  afterAll(() => droplet?.stop());

  test("answers over real ssh, as its deploy user, and is known by its key", async () => {
    expect(await droplet.ssh("id -un")).toMatchObject({ exitCode: 0, stdout: "deploy" });
    expect(droplet.fingerprint).toMatch(/^SHA256:/);
    expect((await droplet.ssh("exit 7")).exitCode).toBe(7);
  });

  test("runs containers in an engine of its own, with limits that hold", async () => {
    expect(await droplet.images(["debian:forky-slim"])).toEqual(["debian:forky-slim"]);
    expect(await droplet.images(["debian:forky-slim"])).toEqual([]);
    const ran = await droplet.ssh(
      "docker run --rm --memory 50m debian:forky-slim sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max' 2>/dev/null",
    );
    expect(ran.stdout).toContain(String(50 * 1024 * 1024));
    expect((await droplet.ssh("docker compose version --short")).stdout).toMatch(/^2\.[3-9]\d\./);
  });

  test("has a real systemd: transient units of root and of the deploy user outlive their login", async () => {
    expect(await droplet.exec("systemd-run --wait --pipe --quiet echo root")).toBe("root");
    const started = await droplet.ssh(
      "systemd-run --user --quiet --unit outlives sh -c 'sleep 1; id -un > /tmp/outlived'",
    );
    expect(started).toMatchObject({ exitCode: 0 });
    await expect
      .poll(() => droplet.attempt("cat /tmp/outlived").then(({ stdout }) => stdout), { timeout: 20_000 })
      .toBe("deploy");
    expect(await droplet.exec("systemctl list-units --failed --no-legend --plain")).toBe("");
  });

  test("keeps its address, keys and images over a reboot", async () => {
    await droplet.images(["debian:forky-slim"]);
    await droplet.reboot();
    expect((await droplet.ssh("docker image ls --quiet debian:forky-slim")).stdout).not.toBe("");
  });

  test("comes without an init system, too, and fresh", async () => {
    await withDroplet({ name: "plain", systemd: false }, async (plain) => {
      expect((await plain.ssh("test -d /run/systemd/system")).exitCode).toBe(1);
      expect((await plain.ssh("docker info --format '{{.ServerVersion}}'")).exitCode).toBe(0);
    });
    await withDroplet({ name: "fresh", engine: false }, async (fresh) => {
      expect(await fresh.ssh("id -un; command -v docker")).toMatchObject({ exitCode: 1, stdout: "root" });
    });
  });
});
