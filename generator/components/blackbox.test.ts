import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { produce } from "../index.ts";
import { shortest, sourceOf } from "../testing/source.ts";

function made(environment: "local" | "production", words = "") {
  const { plan, files } = produce(sourceOf(`${shortest}${words}`), environment);
  const text = files.find(({ path }) => path === "blackbox-exporter/blackbox.yaml")?.text ?? "";
  const networks = Object.keys(plan.services["blackbox-exporter"]?.compose.networks ?? {});
  const door = plan.offers.probes.filter(({ module }) => module !== "tcp_connect");
  return { door, networks, plan, modules: parse(text).modules };
}

const inside = { name: "nginx", module: "inside", target: "https://nginx:8443/health" };

describe("production", () => {
  it("asks the public address as a client would, that http leads to it, and nginx from within", () => {
    const { door, networks } = made("production");
    expect(door).toEqual([
      { name: "edge", module: "public", target: "https://api.example.com/health" },
      inside,
      { name: "redirect", module: "redirect", target: "http://api.example.com/" },
    ]);
    expect(networks.sort()).toEqual(["data", "egress", "monitoring"]);
  });

  it("asks further names, each once, and by the ports that are published", () => {
    const { door } = made(
      "production",
      "nginx: { http: 8000, https: 8443, names: [www.example.com, api.example.com, www.example.com] }\n",
    );
    expect(door).toEqual([
      { name: "edge", module: "public", target: "https://api.example.com:8443/health" },
      inside,
      { name: "redirect", module: "redirect", target: "http://api.example.com:8000/" },
      { name: "www.example.com", module: "public", target: "https://www.example.com:8443/health" },
    ]);
  });

  it("asks nginx from within where it is published on this machine alone: what stands before it is not known", () => {
    const { door, networks } = made("production", "nginx: { bind: 127.0.0.1 }\n");
    expect(door).toEqual([{ ...inside, name: "edge" }, inside]);
    expect(networks).not.toContain("egress");
  });

  it("takes no certificate that a client would not, but from within", () => {
    const { public: outside, redirect, inside } = made("production").modules;
    expect(outside.http).toEqual({
      preferred_ip_protocol: "ip4",
      follow_redirects: false,
      fail_if_not_ssl: true,
    });
    expect(redirect.http).toEqual({
      preferred_ip_protocol: "ip4",
      follow_redirects: false,
      valid_status_codes: [301, 308],
      fail_if_header_not_matches: [{ header: "Location", regexp: "^https://" }],
    });
    expect(inside.http).toMatchObject({
      headers: { Host: "api.example.com" },
      fail_if_not_ssl: true,
      tls_config: { server_name: "api.example.com", insecure_skip_verify: true },
    });
  });
});

it("local has no public name: nginx is asked from within, in plain HTTP, by what has no way out", () => {
  const { door, modules, networks } = made("local");
  expect(door).toEqual([{ name: "edge", module: "inside", target: "http://nginx:8080/health" }]);
  expect(modules.inside.http.fail_if_not_ssl).toBeUndefined();
  expect(networks).not.toContain("egress");
});

it("every probe asks by a module that there is", () => {
  const { plan, modules } = made("production");
  for (const { module } of plan.offers.probes) expect(Object.keys(modules)).toContain(module);
});
