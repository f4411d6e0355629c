/** Walks the list of components: what every entry promises, whoever wrote it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { produce } from "../index.ts";
import { packageRoot } from "../package.ts";
import { buildOf, type Plan } from "../plan/plan.ts";
import { environmentNames } from "../spec/core.ts";
import { shortest, sourceOf } from "../testing/source.ts";
import { components } from "./index.ts";

const stack = `${shortest.replace("s-4vcpu-8gb", "s-4vcpu-16gb-amd")}  metrics_port: 6000\nstatus_page: {}\n`;
const plans = environmentNames.flatMap((environment) =>
  (["official", "debian"] as const).map(
    (images) =>
      [`${environment}, ${images}`, produce(sourceOf(stack), environment, { images }).plan] as const,
  ),
);
const official = produce(sourceOf(stack), "production").plan;
const rules = (stem: string) => existsSync(join(packageRoot, `prometheus/rules/${stem}.rules.yaml`));
const dashboard = (stem: string) => existsSync(join(packageRoot, `grafana/dashboards/${stem}.json`));

describe.each(components.map((component) => [component.name, component] as const))(
  "%s",
  (name, component) => {
    const services = Object.entries(official.services).filter(([, service]) => service.component === name);

    it("runs something, and has a place in stack.yaml of its own", () => {
      expect(services.length).toBeGreaterThan(0);
      expect(component.at.length).toBeGreaterThan(0);
      expect(components.filter((other) => other.at.join() === component.at.join())).toHaveLength(1);
      expect(component.options.safeParse(component.at[0] === "api" ? { image: "a/b:1" } : {}).success).toBe(
        true,
      );
    });

    it("is scraped, or says why not", () => {
      const scraped = new Set(
        official.offers.scrapes.flatMap((scrape) => scrape.targets.map(({ service }) => service)),
      );
      for (const [service] of services) {
        const reason = official.offers.unscraped[service];
        expect(
          scraped.has(service) !== (reason !== undefined && reason.length > 0),
          `${service}: ${reason}`,
        ).toBe(true);
      }
    });

    it("names the parser of every log", () => {
      for (const [service] of services) expect(official.offers.logs[service], service).toBeDefined();
    });

    it("backs up every volume, or says why not", () => {
      const volumes = services.flatMap(([, { compose }]) =>
        (compose.volumes ?? []).flatMap((mount) => (mount.type === "volume" ? [mount.source] : [])),
      );
      const spoken = official.offers.backups.flatMap((backup) => {
        if ("volume" in backup) return [backup.volume];
        return "cluster" in backup ? backup.cluster.nodes : [backup.what];
      });
      for (const volume of volumes) expect(spoken, `backup of ${volume}`).toContain(volume);
    });
  },
);

describe.each(plans)("%s", (_, plan: Plan) => {
  const services = Object.entries(plan.services);

  it.each(services)("%s is hardened", (name, service) => {
    const { compose, exceptions } = service;
    const kept = (column: string, holds: boolean) =>
      expect(holds || (exceptions[column] ?? "").length > 20, `${name}: ${column}`).toBe(true);
    kept("read_only", compose.read_only);
    kept("cap_drop", compose.cap_drop.includes("ALL"));
    kept("user", /^[1-9]\d*(:\d+)?$/.test(compose.user));
    kept("healthcheck", compose.healthcheck !== undefined || service.oneShot);
    expect(compose.security_opt).toContain("no-new-privileges:true");
    expect(compose.mem_limit).toMatch(/^\d+m$/);
    expect(compose.memswap_limit).toBe(compose.mem_limit);
    expect(compose.cpus).toBeGreaterThan(0);
    expect(compose.pids_limit).toBeGreaterThan(0);
    expect(compose.logging.options).toMatchObject({ "max-size": "10m", "max-file": "3" });
    expect(compose.restart).toBe(service.oneShot ? "no" : "unless-stopped");
    expect(compose.stop_grace_period).toMatch(/^\d+[sm]/);
    expect(JSON.stringify(compose.volumes ?? [])).not.toContain("docker.sock");
    expect(compose).not.toHaveProperty("privileged");
  });

  it("keeps every column of the hardening table but the cells that are listed", () => {
    const cells = services.flatMap(([name, { exceptions }]) =>
      Object.keys(exceptions).map((cell) => `${name}.${cell}`),
    );
    expect(cells.filter((cell) => !/^(filebeat|containers)\./.test(cell))).toEqual([]);
  });

  it("runs exact versions, or builds", () => {
    for (const [name, { image }] of services) {
      if ("context" in image || buildOf(image, plan.images)) continue;
      expect(image[plan.images], name).toMatch(/:[^:]*\d[^:]*$/);
    }
  });

  it("publishes nginx alone; every other port is bound to this machine", () => {
    for (const [name, { compose }] of services) {
      for (const port of compose.ports ?? [])
        if (name !== "nginx") expect(port.host_ip, name).toBe("127.0.0.1");
    }
  });

  it("lets no data network reach outside by itself", () => {
    for (const [name, { compose }] of services) {
      if (!/^(postgres|redis)/.test(name)) continue;
      expect(Object.keys(compose.networks), name).not.toContain("egress");
      expect(Object.keys(compose.networks), name).not.toContain("admin");
    }
  });

  it("has a file for every rule and dashboard it offers", () => {
    if (plan.components.includes("prometheus"))
      expect(plan.offers.rules.filter((stem) => !rules(stem))).toEqual([]);
    if (plan.components.includes("grafana")) {
      expect(plan.offers.dashboards.filter((stem) => !dashboard(stem))).toEqual([]);
    }
  });

  it("holds no secret's value", () => {
    const text = JSON.stringify(plan.services);
    expect(text).not.toMatch(/(?:password|secret|token)["=: ]+[A-Za-z0-9]{20,}/i);
  });
});
