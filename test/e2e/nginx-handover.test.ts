/** operator/onhost/edge.bash and handover.bash on a Compose project with published ports, counted at the client. */
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip } from "./engine.ts";
import { ask, pause, until } from "./nginx-ask.ts";
import { freePort, type LoadCounts, type Origin, type Project, startProject } from "./nginx-project.ts";

const engine = await engineOrSkip();

async function stdout(...words: string[]): Promise<string> {
  return (await execa("docker", words)).stdout.trim();
}

/** From all origins at once. */
async function loadFrom(project: Project, origins: readonly Origin[], connections = 16) {
  const stops: [Origin, () => Promise<LoadCounts>][] = [];
  for (const origin of origins) stops.push([origin, await project.load(origin, connections)]);
  await pause(1000);
  return async () => {
    await pause(1000);
    let sent = 0;
    for (const [origin, stop] of stops) {
      const counts = await stop();
      sent += counts.sent;
      console.log(`from ${origin}: ${JSON.stringify(counts)}`);
      expect(counts.failures, origin).toEqual({});
      expect(counts.sent, origin).toBeGreaterThan(20);
    }
    return sent;
  };
}

describe.skipIf(!engine)("nginx from the host", () => {
  let project: Project;
  beforeAll(async () => {
    project = await startProject("hand");
  });
  afterAll(() => project?.stop());

  const url = () => `http://127.0.0.1:${project.port}`;
  const door = () => stdout("ps", "-q", "--filter", `name=${project.project}-nginx-1`);
  const rules = async () =>
    (await execa("iptables-save")).stdout.split("\n").filter((l) => l.includes(project.project));
  const standIns = () => stdout("ps", "-aq", "--filter", `label=plimsoll.handover=${project.project}`);
  const done = async (line: string) => {
    const result = await project.edge(line);
    expect(result.exitCode, `${line}: ${result.all}`).toBe(0);
    return result.stdout;
  };
  /** Nothing of a handover is left. */
  const isClean = async () => {
    expect(await standIns()).toBe("");
    expect(await rules()).toEqual([]);
  };

  it("tells and takes weights, releases, affinity and maintenance", async () => {
    await done("edge_weights api-1=45 api-2=45 api-3=10; edge_release api-3 v2; edge_affinity cookie");
    expect((await done("edge_get")).split("\n")).toEqual([
      "# api off cookie 20",
      "api-1 45 0 0 - api-1:5000",
      "api-2 45 0 0 - api-2:5001",
      "api-3 10 0 0 v2 api-3:5002",
      "api-spare 0 0 0 - api-spare:4999",
    ]);
    expect(await done("edge_affinity; edge_affinity none; edge_in_flight api-1")).toBe("cookie\n0");
    await done("edge_maintenance on");
    expect((await ask(url())).status).toBe(503);
    await done("edge_maintenance off; edge_weights api-1=100 api-2=100 api-3=100");
    for (const wrong of [
      "edge_weight api-9 1",
      "edge_weights api-1=1 api-2=x",
      'edge_weight "a;touch /tmp/x" 1',
      'edge_release api-1 "v1\\"}"',
      "edge_maintenance maybe",
      "edge_probe api-1 'health'",
      "edge_ready api-1 '/a b' 1",
      "edge_drain api-9 1",
      "PROJECT=nothing; edge_get",
    ]) {
      const { exitCode, all } = await project.edge(wrong);
      expect([exitCode === 0, all === ""], wrong).toEqual([false, false]);
    }
    expect(await done("edge_get")).toContain("api-1 100 0 0 - ");
  });

  it("probes, warms, and waits until a server is ready", async () => {
    expect(
      await done(
        "edge_ready api-2 /health 5; edge_warm api-2 /health 30; edge_probe api-2 '/status?code=418'",
      ),
    ).toBe("30\n418");
    expect(await done("edge_ask /health; edge_answers api-1 5000 /health")).toBe("200");
    const { exitCode, stdout: said } = await project.edge("edge_ready api-2 '/status?code=503' 1");
    expect([exitCode, said]).toEqual([1, "503"]);
  });

  it("drains: waits for a request of 1.5 s, and says what is left at the deadline", async () => {
    const slow = Array.from({ length: 6 }, () => ask(`${url()}/sleep?ms=1500`, { method: "POST" }));
    await until("in flight", async () => (await done("edge_in_flight api-2")) === "2");
    await done("edge_drain api-2 10");
    expect(await done("edge_in_flight api-2")).toBe("0");
    for (const { status } of await Promise.all(slow)) expect(status).toBe(200);
    const slower = Array.from({ length: 4 }, () => ask(`${url()}/sleep?ms=5000`));
    await until("in flight", async () => (await done("edge_in_flight api-1")) === "2");
    const { exitCode, stdout: said } = await project.edge("edge_drain api-1 1");
    expect([exitCode, said]).toEqual([1, "2"]);
    await Promise.all(slower);
    await done("edge_weights api-1=100 api-2=100");
  });

  it("tests new files beside the running nginx, takes good ones in, and keeps the old where they are bad", async () => {
    await done('edge_test "$LIVE"; edge_test "$LIVE/nginx"');
    const stop = await loadFrom(project, ["loopback", "bridge"]);
    for (let round = 0; round < 3; round++) await done("edge_reload");
    await stop();
    project.write({ "nginx/nginx.conf": `${project.rendered["nginx/nginx.conf"]}\nnonsense;\n` });
    for (const line of ['edge_test "$LIVE"', "edge_reload"]) {
      const { exitCode, all } = await project.edge(line);
      expect([exitCode === 0, String(all).includes('unknown directive "nonsense"')], line).toEqual([
        false,
        true,
      ]);
    }
    project.write(project.rendered);
    expect((await ask(url())).status).toBe(200);
  });

  it("is made anew without a lost request, wherever it comes from, and keeps its weights", async () => {
    for (const round of [1, 2]) {
      await done("edge_weights api-1=40 api-2=50 api-3=10; edge_release api-2 v7; edge_release api-3 v2");
      const before = await door();
      const stop = await loadFrom(project, ["loopback", "host", "edge", "bridge", "other"]);
      project.writeCompose(`round ${round}`);
      const started = Date.now();
      await done("edge_handover");
      console.log(`handover: ${Date.now() - started} ms, ${await stop()} requests, none lost`);
      expect(await door()).not.toBe(before);
      expect(await done("edge_get | cut -d' ' -f1,2,5")).toBe(
        "# api 10\napi-1 40 -\napi-2 50 v7\napi-3 10 v2\napi-spare 0 -",
      );
      await isClean();
    }
  });

  it("leaves the old one where the new one cannot start", async () => {
    const before = await door();
    const stop = await loadFrom(project, ["loopback", "bridge"]);
    project.writeCompose("broken", { entrypoint: ["/bin/sh", "-c", "exit 1"] });
    expect((await project.edge("edge_handover")).exitCode).toBe(1);
    await stop();
    expect(await door()).toBe(before);
    await isClean();
  });

  it("serves on by the stand-in where Compose cannot publish the new one, until it can", async () => {
    const taken = await freePort();
    const blocker = await stdout(
      ...["run", "-d", "--rm", "-p", `0.0.0.0:${taken}:1`, `${project.project}-nginx`, "sleep", "120"],
    );
    const stop = await loadFrom(project, ["loopback", "bridge"]);
    project.writeCompose("taken", {
      ports: [
        { target: 8080, published: String(project.port), host_ip: "0.0.0.0" },
        { target: 8443, published: String(taken), host_ip: "0.0.0.0" },
      ],
    });
    expect((await project.edge("edge_handover")).exitCode).toBe(1);
    expect(await standIns()).not.toBe("");
    await stdout("rm", "-f", blocker);
    project.writeCompose("free again");
    await done("edge_handover");
    await stop();
    await isClean();
  });

  it("is put right after whoever did it was killed in the middle", async () => {
    const stop = await loadFrom(project, ["loopback", "bridge"]);
    project.writeCompose("killed");
    const killed = execa(
      "bash",
      [
        "-c",
        'source operator/onhost/edge.bash; edge_compose() { if [[ $1 == up ]]; then kill -9 $$; else docker compose --progress quiet -p "$PROJECT" --project-directory "$LIVE" -f "$LIVE/compose.yaml" "$@"; fi; }; edge_handover',
      ],
      {
        env: { PROJECT: project.project, NGINX: "nginx", GROUP: "api", LIVE: project.live },
        reject: false,
      },
    );
    await killed;
    expect(await standIns()).not.toBe("");
    expect((await rules()).length).toBeGreaterThan(0);
    await done("edge_handover_clean");
    await isClean();
    await done("edge_handover");
    await stop();
    await isClean();
  });
});

describe.skipIf(!engine)("nginx on IPv6 alone", () => {
  it("is made anew without a lost request", async () => {
    const project = await startProject("six", { bind: "::", servers: 1 });
    try {
      const stop = await loadFrom(project, ["six"]);
      project.writeCompose("2");
      const { exitCode, all } = await project.edge("edge_handover");
      expect(exitCode, String(all)).toBe(0);
      await stop();
      for (const tool of ["iptables-save", "ip6tables-save"])
        expect((await execa(tool)).stdout).not.toContain(project.project);
    } finally {
      await project.stop();
    }
  });
});
