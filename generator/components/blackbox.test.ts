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

const edge = { name: "edge", module: "inside", target: "https://nginx:8443/health" };

describe("production", () => {
  it("asks nginx from within, by which promises are judged; and the public address, and that http leads to it", () => {
    const { door, networks } = made("production");
    expect(door).toEqual([
      edge,
      { name: "public", module: "public", target: "https://api.example.com/health" },
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
      edge,
      { name: "public", module: "public", target: "https://api.example.com:8443/health" },
      { name: "redirect", module: "redirect", target: "http://api.example.com:8000/" },
      { name: "www.example.com", module: "public", target: "https://www.example.com:8443/health" },
    ]);
  });

  it.each([
    [
      "where nginx is published on this machine alone: what stands before it is not known",
      "nginx: { bind: 127.0.0.1 }",
    ],
    [
      "where stack.yaml says so",
      "monitoring: { blackbox: { public: false } }\nnginx: { names: [www.example.com] }",
    ],
  ])("asks nothing outside %s", (_, words) => {
    const { door, networks } = made("production", `${words}\n`);
    expect(door).toEqual([edge]);
    expect(networks).not.toContain("egress");
  });

  it.each(["0.0.0.0", "127.0.0.1"])("bound to %s, asks a front end's address, and it alone", (bind) => {
    const { door, networks } = made(
      "production",
      `monitoring: { blackbox: { public: "https://lb.example.net:8443" } }\nnginx: { bind: ${bind}, names: [www.example.com] }\n`,
    );
    expect(door).toEqual([
      edge,
      { name: "public", module: "public", target: "https://lb.example.net:8443/health" },
    ]);
    expect(networks).toContain("egress");
  });

  it.each(["http://lb.example.net", "https://lb.example.net/health", "lb.example.net", "https://-x"])(
    "takes no %s for an address",
    (address) => {
      expect(() => made("production", `monitoring: { blackbox: { public: "${address}" } }\n`)).toThrow(
        "expected true, false, or an address such as https://www.example.com:8443",
      );
    },
  );

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

  it.each([
    ["staging", true],
    ["https://ca.example.com/directory", true],
    ["letsencrypt", undefined],
    ["https://acme-v02.api.letsencrypt.org/directory", undefined],
  ])("by certificates of %s, takes any: %s", (server, any) => {
    const { http } = made("production", `certificates: { server: "${server}" }\n`).modules.public;
    expect(http.tls_config?.insecure_skip_verify).toBe(any);
  });
});

it.each(["true", '"https://lb.example.net"'])(
  "local has no public name, whatever is said (%s): nginx is asked from within, in plain HTTP, by what has no way out",
  (outside) => {
    const { door, modules, networks } = made("local", `monitoring: { blackbox: { public: ${outside} } }\n`);
    expect(door).toEqual([{ name: "edge", module: "inside", target: "http://nginx:8080/health" }]);
    expect(modules.inside.http.fail_if_not_ssl).toBeUndefined();
    expect(networks).not.toContain("egress");
  },
);

it("every probe asks by a module that there is", () => {
  const { plan, modules } = made("production");
  for (const { module } of plan.offers.probes) expect(Object.keys(modules)).toContain(module);
});
