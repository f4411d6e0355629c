import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { produce } from "../index.ts";
import { shortest, sourceOf } from "../testing/source.ts";

function made(environment: "local" | "production") {
  const { plan, files } = produce(sourceOf(shortest), environment);
  const text = files.find(({ path }) => path === "blackbox-exporter/blackbox.yaml")?.text ?? "";
  return { plan, config: parse(text) };
}

describe("the edge", () => {
  it("is asked as a client would: by the public name, over TLS where there is TLS", () => {
    const { config, plan } = made("production");
    expect(config.modules.edge.http).toMatchObject({
      headers: { Host: "api.example.com" },
      fail_if_not_ssl: true,
      tls_config: { server_name: "api.example.com" },
    });
    expect(plan.offers.probes).toContainEqual({
      name: "edge",
      module: "edge",
      target: "https://nginx:8443/health",
    });
  });

  it("is asked in plain HTTP in local", () => {
    const { config, plan } = made("local");
    expect(config.modules.edge.http.fail_if_not_ssl).toBeUndefined();
    expect(plan.offers.probes).toContainEqual({
      name: "edge",
      module: "edge",
      target: "http://nginx:8080/health",
    });
  });
});

it("every probe asks by a module that there is", () => {
  const { config, plan } = made("production");
  for (const { module } of plan.offers.probes) expect(Object.keys(config.modules)).toContain(module);
});
