import { describe, expect, it } from "vitest";
import { produce } from "../index.ts";
import { InputError } from "../spec/fault.ts";
import { shortest, sourceOf } from "../testing/source.ts";
import { certifiedNames } from "./certificates/names.ts";
import { Certificates } from "./certificates/options.ts";

function produced(more = "", environment: "local" | "staging" | "production" = "production") {
  const { plan, files } = produce(sourceOf(`${shortest}${more}`), environment);
  const text = (path: string) => files.find((file) => file.path === path)?.text ?? "";
  const settings = Object.fromEntries(
    text("certificates/settings")
      .split("\n")
      .filter(Boolean)
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  return { plan, settings, service: plan.services.certificates?.compose };
}

function faultsOf(more: string): string[] {
  try {
    produced(more);
    return [];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.faults.map(({ path, message }) => `${path}: ${message}`);
  }
}

describe("names", () => {
  it.each([
    [["a.b.c"], [], ["a.b.c"]],
    [["a.b.c", "www.b.c"], ["a.b.c"], ["a.b.c", "www.b.c"]],
    // Covered by the wildcard, which covers one level and not the name itself.
    [["a.b.c", "b.c", "x.a.b.c"], ["*.b.c"], ["b.c", "x.a.b.c", "*.b.c"]],
  ])("of %j and %j are %j", (hosts, more, names) => expect(certifiedNames(hosts, more)).toEqual(names));
});

describe("words", () => {
  it.each([
    { server: "http://acme.example.com/dir" },
    { server: "https://acme.example.com/dir\nnames=evil" },
    { server: "https://acme.example.com/$(id)" },
    { email: "a@b.c d" },
    { email: "a@b.com\nserver=x" },
    { names: ["*.*.example.com"] },
    { names: ["a.*.example.com"] },
    { names: ["a b"] },
    { profile: "a b" },
    { account: "$(id)" },
    { challenge: "tls" },
    { dns: { provider: "route53" } },
    { dns: { token: "secret" } },
  ])("refuse %j", (options) => expect(Certificates.safeParse(options).success).toBe(false));

  it("over HTTP nothing but nginx's own names", () => {
    expect(faultsOf("certificates: { names: ['*.example.com'] }\n")).toEqual([
      "certificates.names: *.example.com cannot be proven over HTTP",
    ]);
    expect(faultsOf("certificates: { names: [www.example.com] }\n")).toEqual([
      expect.stringContaining("certificates.names: nginx answers no name but the domain and nginx.names"),
    ]);
    expect(faultsOf("certificates: { challenge: dns, names: ['*.example.com'] }\n")).toEqual([]);
  });
});

describe("the sidecar", () => {
  it("asks Let's Encrypt for the domain and nginx's names, over HTTP, without a word about it", () => {
    const { settings, plan } = produced("nginx: { names: [www.example.com] }\n");
    expect(settings).toEqual({
      host: "api.example.com",
      names: "api.example.com www.example.com",
      server: "https://acme-v02.api.letsencrypt.org/directory",
      challenge: "http",
      provider: "",
      email: "",
      profile: "",
      eab: "",
    });
    expect(plan.secrets.filter(({ component }) => component === "certificates")).toEqual([]);
  });

  it("asks for DigitalOcean's token where it makes records, and hands it over as a file", () => {
    const { settings, plan, service } = produced(
      "certificates: { challenge: dns, names: ['*.example.com'] }\n",
    );
    expect(settings).toMatchObject({ names: "*.example.com", challenge: "dns", provider: "digitalocean" });
    expect(plan.secrets.filter(({ component }) => component === "certificates")).toEqual([
      expect.objectContaining({ name: "certificates_digitalocean_token", supplied: expect.any(String) }),
    ]);
    expect(service?.secrets).toEqual([
      {
        source: "certificates_digitalocean_token",
        target: "/run/secrets/certificates_digitalocean_token",
      },
    ]);
  });

  it("runs as nginx's user on nginx's volume, with no way to the data", () => {
    const { service, plan } = produced();
    expect(service?.user).toBe(plan.services.nginx?.compose.user);
    expect(service?.volumes).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ source: "certificates", target: "/var/lib/certificates" }),
      ]),
    );
    expect(Object.keys(service?.networks ?? {}).sort()).toEqual(["edge", "egress"]);
    expect(service?.ports).toBeUndefined();
  });

  it("says whether anybody sees its figures: alerts on an end that nobody renews go by that", () => {
    const seen = (more: string) =>
      produced(more).plan.offers.thresholds.flatMap(({ record, value }) =>
        record === "plimsoll:certificates:seen" ? [value] : [],
      );
    expect(seen("")).toEqual([1]);
    expect(seen("monitoring: { host: false }\n")).toEqual([0]);
    expect(seen("certificates: false\n")).toEqual([]);
  });

  it("is left out of local, and where stack.yaml says so", () => {
    expect(produced("", "local").service).toBeUndefined();
    expect(produced("certificates: false\n").service).toBeUndefined();
    expect(produced("", "staging").service).toBeDefined();
    // nginx serves what a person puts there.
    expect(produced("certificates: false\n").plan.volumes).toContain("certificates");
  });

  it("leaves room on the smallest droplet for everything but the Elastic stack", () => {
    const small = shortest.replace("s-4vcpu-8gb", "s-2vcpu-4gb");
    const { plan } = produce(sourceOf(`${small}logging: false\n`), "production");
    const line = plan.budget.lines.find(({ name }) => name === "certificates");
    expect(line?.memory).toBe(64 * 1024 * 1024);
  });
});
