import { expect, it } from "vitest";
import { parse } from "yaml";
import { produce } from "../index.ts";
import { InputError } from "../spec/fault.ts";
import { shortest, sourceOf } from "../testing/source.ts";
import type { ComposeFile } from "./compose.ts";

function composeWith(overrides?: string): ComposeFile {
  const { files } = produce(sourceOf(shortest, overrides), "production");
  return parse(files.find((file) => file.path === "compose.yaml")?.text as string) as ComposeFile;
}

it("is merged last", () => {
  const compose = composeWith("services: { api-1: { environment: { DEBUG: a$b }, cpu_shares: 512 } }");
  expect(compose.services["api-1"]).toMatchObject({
    cpu_shares: 512,
    environment: { DEBUG: "a$b", PORT: "5000" },
  });
});

it("keeps a container from swapping where its memory limit changes", () => {
  const compose = composeWith("services: { api-1: { mem_limit: 100m } }");
  expect(compose.services["api-1"]).toMatchObject({ mem_limit: "100m", memswap_limit: "100m" });
});

it("may add a service that says how much it uses", () => {
  const compose = composeWith("services: { adminer: { image: 'adminer:5', mem_limit: 64m } }");
  expect(compose.services.adminer).toEqual({ image: "adminer:5", mem_limit: "64m", memswap_limit: "64m" });
});

it("lets the memory that may be swapped follow the limit, since Docker refuses less", () => {
  const { mem_limit, memswap_limit } = composeWith("services: { api-1: { mem_limit: 300m } }").services[
    "api-1"
  ] as ComposeFile["services"][string];
  expect([mem_limit, memswap_limit]).toEqual(["300m", "300m"]);
});

it("holds Compose's variables, unlike stack.yaml", () => {
  const compose = composeWith("services: { api-1: { environment: ['WHO=$USER', PRICE=5$$] } }");
  expect(compose.services["api-1"]?.environment).toMatchObject({
    WHO: "$USER",
    PRICE: "5$$",
    PORT: "5000",
  });
});

it.each([
  ["a writable root", "api-1: { read_only: false, user: '0:0', cap_add: [NET_BIND_SERVICE] }"],
  ["a file of the system to be read", "api-1: { volumes: ['/etc/localtime:/etc/localtime:ro'] }"],
  ["a door for this machine", "postgres-1: { ports: ['127.0.0.1:5432:5432'] }"],
  [
    "the limit in its newer place",
    "new: { image: 'a:1', deploy: { resources: { limits: { memory: 64M } } } }",
  ],
])("leaves to a person %s", (_, service) => {
  expect(() => composeWith(`services: { ${service} }`)).not.toThrow();
});

const DEPLOYED = "{ deploy: { resources: { limits: { memory: 64M } } } }";

it.each([
  ["a text", "hello", /expected a Compose file, found "hello"/],
  [
    "an unknown key",
    "servces: {}",
    /servces cannot be overridden; did you mean services|servces: cannot be overridden; did you mean services/,
  ],
  ["the name", "name: other", /name: cannot be overridden/],
  [
    "a misspelt service",
    "services: { api-l: { cpu_shares: 1 } }",
    /overrides\.yaml:1:\d+ services\.api-l: .*did you mean api-1/,
  ],
  ["a new service without an image", "services: { completely-new: { mem_limit: 64m } }", /without an image/],
  ["a new service without a limit", "services: { adminer: { image: 'adminer:5' } }", /without mem_limit/],
  ["a limit that is none", "services: { api-1: { mem_limit: lots } }", /expected a size such as 512MB/],
  ["more memory than there is", "services: { api-1: { mem_limit: 64g } }", /raises the memory limits to/],
  ["no limit at all", "services: { api-1: { mem_limit: 0 } }", /expected a size such as 512MB, found 0/],
  ["a limit below nothing", "services: { api-1: { mem_limit: -1 } }", /mem_limit: expected a size/],
  ["a limit that varies", "services: { api-1: { mem_limit: '$MEMORY' } }", /mem_limit: expected a size/],
  ["swap without end", "services: { api-1: { memswap_limit: -1 } }", /memswap_limit: expected a size/],
  ["processes without end", "services: { api-1: { pids_limit: -1 } }", /pids_limit: expected a number/],
  ["a second limit", `services: { api-1: ${DEPLOYED} }`, /limits\.memory: cannot stand beside mem_limit/],
  ["many of one", "services: { api-1: { scale: 40 } }", /raises the memory limits to/],
  ["many of a new one", `services: { new: { image: 'a:1', scale: 900, ${DEPLOYED.slice(2)} }`, /raises/],
  [
    "a port that is taken",
    "services: { redis-cache: { ports: ['80:6379'] } }",
    /redis-cache\.ports: .*nginx.*port 80\/tcp/,
  ],
  ["a misspelt word", "services: { api-1: { enviroment: {} } }", /enviroment: .*did you mean environment\?/],
  ["__proto__", "services: { api-1: { __proto__: { privileged: true } } }", /__proto__: is not a word/],
  ["a new service that is nearly one", "services: { api-l: { cpus: 1 } }", /did you mean api-1/],
  ["a network mode beside networks", "services: { api-1: { network_mode: none } }", /beside the networks/],
])("refuses %s", (_, text, expected) => {
  expect(() => composeWith(text)).toThrow(InputError);
  expect(() => composeWith(text)).toThrow(expected);
});

it.each([
  ["privileged: true", "privileged"],
  ["privileged: 'true'", "privileged"],
  ["privileged: '$YES'", "privileged"],
  ["use_api_socket: true", "use_api_socket"],
  ["pid: host", "pid"],
  ["pid: '$PID'", "pid"],
  ["ipc: host", "ipc"],
  ["uts: host", "uts"],
  ["userns_mode: host", "userns_mode"],
  ["cgroup: host", "cgroup"],
  ["network_mode: host", "network_mode"],
  ["network_mode: 'container:other'", "network_mode"],
  ["devices: ['/dev/sda:/dev/sda']", "devices"],
  ["device_cgroup_rules: ['b *:* rmw']", "device_cgroup_rules"],
  ["cgroup_parent: /", "cgroup_parent"],
  ["extends: { file: other.yaml, service: a }", "extends"],
  ["provider: { type: anything }", "provider"],
  ["cap_add: [SYS_ADMIN]", "cap_add.0"],
  ["cap_add: [cap_sys_module]", "cap_add.0"],
  ["cap_add: [CHOWN, ALL]", "cap_add.1"],
  ["cap_add: ['$CAP']", "cap_add.0"],
  ["security_opt: ['seccomp:unconfined']", "security_opt.0"],
  ["security_opt: ['apparmor=unconfined']", "security_opt.0"],
  ["security_opt: ['no-new-privileges:false']", "security_opt.0"],
  ["security_opt: ['label=disable']", "security_opt.0"],
  ["volumes: ['/var/run/docker.sock:/x']", "volumes.0"],
  ["volumes: ['/run/docker.sock:/x:ro']", "volumes.0"],
  ["volumes: [{ type: bind, source: /var/run/docker.sock, target: /x }]", "volumes.0"],
  ["volumes: [{ type: bind, source: /var/lib/../run/./docker.sock, target: /x }]", "volumes.0"],
  ["volumes: ['../../../../../run/containerd/containerd.sock:/x']", "volumes.0"],
  ["volumes: ['/:/host:ro']", "volumes.0"],
  ["volumes: ['/var/run/:/host:ro']", "volumes.0"],
  ["volumes: ['/etc:/x']", "volumes.0"],
  ["volumes: [{ type: bind, source: /proc/sys, target: /x }]", "volumes.0"],
  ["volumes: ['$SOCKET:/x']", "volumes.0"],
  ["post_start: [{ command: x, privileged: true }]", "post_start.0.privileged"],
  ["build: { context: ., entitlements: [security.insecure] }", "build"],
])("gives no host away: %s", (words, path) => {
  const refusal = new RegExp(`services\\.new\\.${path}: is refused: `);
  expect(() => composeWith(`services: { new: { image: 'a:1', mem_limit: 64m, ${words} } }`)).toThrow(refusal);
});

it.each([
  [
    "volumes: { x: { driver_opts: { type: none, o: bind, device: /var/run } } }",
    "volumes.x.driver_opts.device",
  ],
  ["secrets: { x: { file: /var/run/docker.sock } }", "secrets.x.file"],
  ["configs: { x: { file: /run } }", "configs.x.file"],
])("gives no host away under another name: %s", (words, path) => {
  expect(() => composeWith(words)).toThrow(`${path}: is refused: `);
});
