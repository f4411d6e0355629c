import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { isolated, WAY_OUT } from "./isolate.ts";

type Service = {
  networks?: Record<string, unknown>;
  ports?: { host_ip: string }[];
  secrets?: { source: string }[];
  command?: string[];
  depends_on?: Record<string, unknown>;
  profiles?: string[];
  network_mode?: string;
};
type Compose = {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean; driver_opts?: Record<string, string> }>;
  volumes: Record<string, { driver_opts?: Record<string, string> } | null>;
};

const folder = "stacks/fkod/generated/production";
const real = readFileSync(`${folder}/compose.yaml`, "utf8");
const plan = JSON.parse(readFileSync(`${folder}/plan.json`, "utf8")) as PlanJson;
const cut = (text = real) => {
  const found = isolated(text, plan);
  return { ...found, file: parse(found.compose) as Compose, over: parse(found.seed) as Compose };
};
const changed = (change: (file: Compose) => void) => {
  const file = parse(real) as Compose;
  change(file);
  return cut(stringify(file));
};

describe("a release without a way out", () => {
  it("shuts every network but the door's, on which the door is alone", () => {
    const { file } = cut();
    const open = Object.entries(file.networks).filter(([, words]) => words.internal !== true);
    expect(open).toEqual([
      ["edge", { driver_opts: { "com.docker.network.bridge.enable_ip_masquerade": "false" } }],
    ]);
    for (const [name, service] of Object.entries(file.services)) {
      // Without either Compose would put it into a network of its own, which leads out.
      if (service.network_mode === "none") expect(service.networks, name).toBeUndefined();
      else expect(Object.keys(service.networks ?? {}).length, name).toBeGreaterThan(0);
      if (name !== "nginx") expect(Object.keys(service.networks ?? {}), name).not.toContain("edge");
    }
  });

  it("publishes the door to the host itself, and nothing else", () => {
    const { file } = cut();
    const published = Object.entries(file.services).filter(([, { ports }]) => ports);
    expect(published.map(([name]) => name)).toEqual(["nginx"]);
    expect(new Set(file.services.nginx?.ports?.map(({ host_ip }) => host_ip))).toEqual(
      new Set(["127.0.0.1"]),
    );
  });

  it("starts nothing that would only talk to others, and nobody waits for it", () => {
    const { file, left } = cut();
    expect(left.map(({ service }) => service).sort()).toEqual([
      "alertmanager",
      "backup-postgres",
      "certificates",
    ]);
    const names = Object.keys(file.services);
    for (const { depends_on = {} } of Object.values(file.services))
      for (const other of Object.keys(depends_on)) expect(names).toContain(other);
    expect(file.services["backup-files"]?.profiles).toEqual(["deploy"]);
  });

  it("gives the keys of the repository to nobody but the two that fill volumes, and only then", () => {
    const { file, over } = cut();
    const keys = /^backup_(pgbackrest|restic|site|s3|cipher)/;
    for (const [name, { secrets = [] }] of Object.entries(file.services))
      expect(
        secrets.filter(({ source }) => keys.test(source)),
        name,
      ).toEqual([]);
    expect(Object.keys(over.services).sort()).toEqual(["backup-files", "postgres-1"]);
    expect(over.services["postgres-1"]?.secrets?.map(({ source }) => source)).toEqual(["backup_pgbackrest"]);
    // The site's own id would tell a node that another took over.
    expect(JSON.stringify(over)).not.toContain("backup_site");
    expect(over.networks).toEqual({ [WAY_OUT]: {} });
  });

  it("lets no node archive, subscribe, or fetch but the one that recovers", () => {
    const { file } = cut();
    for (const node of ["postgres-1", "postgres-2"]) {
      const words = file.services[node]?.command?.join(" ");
      expect(words).toContain("-c archive_mode=off");
      expect(words).toContain("-c max_logical_replication_workers=0");
    }
    expect(file.services["postgres-1"]?.command).not.toContain("restore_command=");
    expect(file.services["postgres-2"]?.command).toContain("restore_command=");
  });

  it("leaves out what overrides gave the host's network, or Docker's socket", () => {
    const { left, file } = changed(({ services }) => {
      services.spy = { network_mode: "host" };
      services.bridge = { network_mode: "bridge" };
      services.builder = { volumes: ["/var/run/docker.sock:/var/run/docker.sock"] } as Service;
      services.alone = {};
    });
    expect(left.map(({ service }) => service)).toEqual(expect.arrayContaining(["spy", "bridge", "builder"]));
    // Without a network of its own it would be in Compose's default one, which leads out.
    expect(Object.keys(file.services.alone?.networks ?? {})).toHaveLength(1);
    expect(Object.keys(file.services.alone?.networks ?? {})).not.toContain("edge");
  });

  it("leaves out what has a folder of the host's in which Docker's socket lies, or rights over the host", () => {
    const volumes = {
      root: ["/:/host:ro"],
      run: [{ type: "bind", source: "/run/", target: "/run/host" }],
      above: ["/var:/host"],
      old: [{ type: "bind", source: "/var/run", target: "/host" }],
      user: ["/run/user/1000:/host"],
      containerd: ["/var/../run/containerd:/host"],
      named: ["whole:/host"],
    };
    const others = {
      logs: ["/var/lib/docker/containers:/logs:ro"],
      own: ["runs:/run"],
      near: ["/runs:/data"],
      kept: ["data:/data"],
    };
    const { left, file } = changed(({ services, volumes: declared }) => {
      Object.assign(declared, {
        whole: { driver_opts: { type: "none", o: "bind", device: "/" } },
        data: { driver_opts: { type: "none", o: "bind", device: "/mnt/data" } },
      });
      for (const [name, list] of Object.entries({ ...volumes, ...others }))
        services[name] = { volumes: list } as Service;
      services.strong = { privileged: true } as Service;
      services.nosy = { pid: "host" } as Service;
    });
    const gone = [...Object.keys(volumes), "strong", "nosy"];
    expect(left.map(({ service }) => service)).toEqual(expect.arrayContaining(gone));
    for (const name of gone) expect(file.services[name], name).toBeUndefined();
    for (const name of Object.keys(others)) expect(file.services[name], name).toBeDefined();
  });

  it("makes a network of another project one of its own", () => {
    const { file } = changed(({ networks }) => {
      networks.shared = { external: true, name: "others" } as Compose["networks"][string];
    });
    expect(file.networks.shared).toEqual({ internal: true });
  });

  it("says so where there is no door", () => {
    expect(() => changed(({ services }) => void delete services.nginx)).toThrow(/no nginx/);
  });
});
