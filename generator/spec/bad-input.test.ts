import { expect, it } from "vitest";
import { produce } from "../index.ts";
import { bare as shortest, sourceOf } from "../testing/source.ts";
import type { EnvironmentKind } from "./core.ts";
import { InputError } from "./fault.ts";
import { LARGEST_FILE } from "./text.ts";

/** shortest, with one line replaced or lines added. */
const change = (from: string | RegExp, to: string) => shortest.replace(from, to);
const add = (text: string) => `${shortest}${text}\n`;
const api = (line: string) => add(`  ${line}`);
const bytes = (...numbers: number[]) => Uint8Array.from(numbers);

type Case = [what: string, stack: string | Uint8Array, expected: RegExp, environment?: EnvironmentKind];

const cases: Case[] = [
  // The disaster site.
  [
    "a disaster site on the host itself",
    add("backup: { lost_with_machine: accepted }\nhost: deploy@a.example\ndr: { host: deploy@a.example }"),
    /is the host that may be lost/,
    "production",
  ],
  [
    "a domain in another zone",
    add("dr: { dns: { digitalocean: example.net } }"),
    /is not in the zone example.net/,
  ],
  // The file itself.
  ["an empty file", "", /expected a map of words, found nothing/],
  ["a comment alone", "# nothing\n", /expected a map of words/],
  ["a text", "hello\n", /expected a map of words, found "hello"/],
  ["a list", "- a\n- b\n", /expected a map of words, found a list/],
  ["a file that is not UTF-8", bytes(0x6e, 0x61, 0x6d, 0x65, 0x3a, 0x20, 0xff, 0xfe), /is not UTF-8/],
  ["UTF-16", bytes(0xff, 0xfe, 0x6e, 0x00), /is not UTF-8/],
  ["a NUL byte", "name: he\0llo\n", /stack\.yaml:1:9.*NUL byte/],
  ["a huge file", `${shortest}# ${"x".repeat(LARGEST_FILE)}`, /at most 256 KB is read/],
  ["endless brackets", `a: ${"[".repeat(100_000)}`, /^stack\.yaml is nested too deeply to be read$/],
  ["a tab for indentation", change("  image", "\timage"), /stack\.yaml:5:.*tab/],
  ["a duplicate key", add("name: other"), /stack\.yaml:6:1.*same key twice/],
  ["a duplicate key inside", api("image: other/image:1"), /same key twice/],
  [
    "an alias",
    add("processes: &p {}\nenvironments: { local: *p }"),
    /alias \*p; anchors and aliases are not read/,
  ],
  [
    "an alias bomb",
    `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n`,
    /anchors and aliases are not read/,
  ],
  ["a merge key", add("processes:\n  a: &a { command: x }\n  b:\n    <<: *a"), /alias|not a word/],
  ["two documents", `${shortest}---\n${shortest}`, /more than one document/],
  ["an unknown tag", change("hello\n", "!!js/function hello\n"), /tag/i],
  ["an unclosed bracket", add("processes: {"), /stack\.yaml:\d+/],
  ["an unclosed quote", change("hello", '"hello'), /stack\.yaml:\d+/],
  ["a number as a key", add("1: one"), /has the key 1; keys are texts/],
  ["a map as a key", add("? {a: b}\n: c"), /keys are texts/],
  // Words.
  ["no name", change(/name: hello\n/, ""), /name: is missing|name: expected a name, found nothing/],
  ["no api", change(/api:\n.*\n$/, ""), /api: has neither image nor build/],
  [
    "a misspelt word",
    change("domain", "domian"),
    /domian: is not a word of stack\.yaml; did you mean domain\?/,
  ],
  ["a misspelt word inside", api("sevrers: 3"), /api\.sevrers: .*did you mean servers\?/],
  ["an unknown word", add("kubernetes: true"), /kubernetes: is not a word of stack\.yaml/],
  ["an unknown word has the list", add("zzzzzzzz: 1"), /Known here: name, domain, machine/],
  ["__proto__", add("__proto__: { images: debian }"), /__proto__: is not a word/],
  [
    "__proto__ in an environment",
    add("environments:\n  local:\n    __proto__: { images: debian }"),
    /stack\.yaml:8:5 environments\.local\.__proto__: is not a word/,
  ],
  ["constructor", add("constructor: 1"), /constructor: is not a word/],
  ["a name with capitals", change("hello", "Hello"), /expected a name of small letters.*found "Hello"/],
  ["a name with a path", change("name: hello", "name: ../../etc"), /expected a name/],
  ["a name too long", change("name: hello", `name: ${"a".repeat(41)}`), /at most 40 characters/],
  ["a name that is a number", change("hello", "12"), /expected a name, found 12/],
  ["a name that is null", change("name: hello", "name:"), /expected a name/],
  [
    "a domain with a newline",
    change("api.example.com", '"api.example.com\\nserver { }"'),
    /expected a host name/,
  ],
  ["a domain with a scheme", change("api.example.com", "https://api.example.com"), /no scheme, port or path/],
  ["a domain with a port", change("api.example.com", "api.example.com:80"), /expected a host name/],
  ["a domain with a semicolon", change("api.example.com", '"a.com;"'), /expected a host name/],
  ["a domain with a dollar", change("api.example.com", '"$host"'), /expected a host name/],
  [
    "a domain that is a list",
    change("api.example.com", "[a, b]"),
    /domain: expected a host name.*found a list/,
  ],
  [
    "an unknown droplet",
    change("s-4vcpu-8gb", "s-3vcpu-8gb"),
    /expected a droplet's slug.*found "s-3vcpu-8gb"/,
    "production",
  ],
  [
    "a machine without disk",
    change("s-4vcpu-8gb", "{ cpus: 2, memory: 4GB }"),
    /machine\.disk: /,
    "production",
  ],
  [
    "a machine with a wrong unit",
    change("s-4vcpu-8gb", "{ cpus: 2, memory: 4 gigs, disk: 80GB }"),
    /expected a size such as 512MB or 20GB, found "4 gigs"/,
    "production",
  ],
  [
    "a machine without CPUs",
    change("s-4vcpu-8gb", "{ cpus: 0, memory: 4GB, disk: 80GB }"),
    /machine\.cpus: expected at least 0\.5/,
    "production",
  ],
  [
    "a machine of negative memory",
    change("s-4vcpu-8gb", "{ cpus: 1, memory: -4GB, disk: 80GB }"),
    /expected a size/,
    "production",
  ],
  [
    "a machine too small",
    `${change("s-4vcpu-8gb", "s-1vcpu-1gb")}backup: { lost_with_machine: accepted }\n`,
    /does not fit in production: \d+ MB of memory.*[\s\S]*smallest droplet that carries it: \S+, \$\d+ a month/,
    "production",
  ],
  ["an image latest", change("hello:1.0.0", "hello:latest"), /not latest/],
  ["an image without a tag", change("hello:1.0.0", "hello"), /exact tag or digest/],
  ["an image with a space", change("hello:1.0.0", "hello:1 0"), /expected an image/],
  ["an image with shell in it", change("ghcr.io/me/hello:1.0.0", "'x:$(id)'"), /expected an image/],
  ["image and build", api("build: ./api"), /has both image and build/],
  [
    "neither image nor build",
    change("image: ghcr.io/me/hello:1.0.0", "servers: 2"),
    /has neither image nor build/,
  ],
  [
    "a build outside the stack",
    change("image: ghcr.io/me/hello:1.0.0", "build: ../../.."),
    /inside the stack's folder/,
  ],
  [
    "an absolute build folder",
    change("image: ghcr.io/me/hello:1.0.0", "build: /etc"),
    /inside the stack's folder/,
  ],
  ["servers as a text", api("servers: three"), /api\.servers: expected a number, found "three"/],
  ["half a server", api("servers: 2.5"), /api\.servers: expected/],
  ["no server", api("servers: 0"), /api\.servers: expected at least 1, found 0/],
  ["too many servers", api("servers: 301"), /api\.servers: expected at most 300/],
  ["a port out of range", api("port: 70000"), /expected a port between 1 and 65535, found 70000/],
  ["ports past the end", api("port: 65534"), /the last of 3 servers would need port 65536/],
  [
    "clashing metrics ports",
    api("metrics_port: 5002"),
    /5002 to 5004 clash with the servers' ports 5000 to 5002/,
  ],
  ["a health path that is a URL", api("health: http://x/health"), /expected a path such as \/health/],
  ["a health path with a quote", api("health: '/he\"alth'"), /expected a path/],
  ["a health path with spaces", api('health: "/health; rm -rf /"'), /expected a path/],
  ["a health path that climbs", api("health: /../etc"), /expected a path/],
  [
    "a variable in small letters",
    api("environment: { log_level: info }"),
    /variable's name in capitals.*"log_level"/,
  ],
  ["a variable of two lines", api('environment: { A: "b\\nC=d" }'), /one line without control characters/],
  [
    "a variable that is a map",
    api("environment: { A: { b: c } }"),
    /api\.environment\.A: expected a text, a number, true or false, found a map/,
  ],
  ["a variable that is null", api("environment: { A: }"), /api\.environment\.A: expected a text/],
  ["a variable that plimsoll sets", api("environment: { PORT: 80 }"), /PORT: is set by plimsoll/],
  [
    "a secret's value in YAML",
    api("secrets: { JWT_SECRET: hunter2 }"),
    /expected generate .* or supply .*found "hunter2"/,
  ],
  ["a variable twice", api("environment: { A: b }\n  secrets: { A: supply }"), /is also among the secrets/],
  ["a pool upside down", api("pool: { min: 30, max: 20 }"), /is 30, above max \(20\)/],
  ["root as user", api('user: "0:0"'), /not root/],
  [
    "a duration without a unit",
    api("stop: 30"),
    /expected a duration such as 500ms, 30s, 10m, 1h or 30d, found 30/,
  ],
  ["a share above 100%", add("objectives: { uptime: 101% }"), /expected a share/],
  [
    "a share without %",
    add("objectives: { uptime: 0.999 }"),
    /expected a share such as 10% or 99\.9%, found 0\.999/,
  ],
  [
    "a promise of the database that a frozen node would keep",
    add("objectives: { database: 5s }"),
    /objectives\.database: expected at most 2s: a node that never answers is known to take 5s/,
  ],
  ["an unknown kind of images", add("images: alpine"), /images: expected official or debian, found "alpine"/],
  ["a process without a command", add("processes: { worker: { count: 2 } }"), /processes\.worker\.command: /],
  [
    "a process with a bad name",
    add("processes: { Worker One: { command: x } }"),
    /expected a name of small letters.*"Worker One"/,
  ],
  [
    "a process named like a service",
    add("processes: { postgres: { command: x } }"),
    /stack\.yaml:6:14 processes\.postgres: is a name that the stack uses itself/,
  ],
  [
    "a process named like what is measured",
    add("processes: { alertmanager: { command: x, metrics_port: 1 } }"),
    /stack\.yaml:6:14 processes\.alertmanager: is a name that the stack measures something else by/,
  ],
  [
    "a process's pool upside down",
    add("processes: { worker: { command: x, pool: { min: 9 } } }"),
    /processes\.worker\.pool\.min: is 9, above max \(5\)/,
  ],
  [
    "a process's variable that plimsoll sets",
    add("processes: { worker: { command: x, environment: { SERVER_NAME: me } } }"),
    /stack\.yaml:6:\d+ processes\.worker\.environment\.SERVER_NAME: is set by plimsoll/,
  ],
  [
    "a process named like the servers",
    add("processes: { api: { command: x } }"),
    /a name that the stack uses itself/,
  ],
  [
    "an unknown environment",
    add("environments: { prod: {} }"),
    /prod: is not an environment.*did you mean production\?/,
  ],
  [
    "environments as a list",
    add("environments: [local]"),
    /environments: expected a map of words, found a list/,
  ],
  [
    "an environment that is a text",
    add("environments: { local: small }"),
    /environments\.local: expected a map/,
  ],
  [
    "a fault in an environment is found there",
    add("environments:\n  production:\n    api:\n      servers: many"),
    /stack\.yaml:9:\d+ environments\.production\.api\.servers/,
    "production",
  ],
  [
    "what is missing in an environment is missed there",
    add("environments:\n  local:\n    processes:\n      worker: { count: 2 }"),
    /stack\.yaml:9:7 environments\.local\.processes\.worker\.command: expected a command/,
  ],
  [
    "environments in an environment",
    add("environments: { local: { environments: {} } }"),
    /^stack\.yaml:6:26 environments\.local\.environments: an environment holds no environments\n.*$/,
  ],
  [
    "another name in an environment",
    add("environments: { local: { name: x } }"),
    /one name in all environments/,
  ],
  [
    "an optional part that is true",
    add("logging: true"),
    /logging: expected a map of words, or false .*found true/,
  ],
  ["a long wrong path", api(`health: /${"a".repeat(60)}!`), /expected a path such as \/health/],
  [
    "a long wrong folder",
    change("image: ghcr.io/me/hello:1.0.0", `build: ${"a".repeat(60)}!`),
    /inside the stack's folder/,
  ],
  [
    "a size of no unit",
    add("machine: { cpus: 1, memory: 5iB, disk: 80GB }").replace("machine: s-4vcpu-8gb\n", ""),
    /expected a size/,
    "production",
  ],
  ["the api left out", change(/api:\n.*\n$/, "api: false\n"), /api: cannot be left out/],
];

it("has at least 60 cases of bad input", () => {
  expect(cases.length).toBeGreaterThanOrEqual(60);
});

it.each(cases)("refuses %s", (_, stack, expected, environment = "local") => {
  let refusal: unknown;
  try {
    produce(sourceOf(stack), environment);
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toBeInstanceOf(InputError);
  const { message, faults } = refusal as InputError;
  expect(message).toMatch(expected);
  expect(message).not.toMatch(/undefined|\[object|Invalid input/);
  expect(faults.every((fault) => fault.file === "stack.yaml")).toBe(true);
});

it.each([
  ["logging", "Remove it: it is part of every stack that does not say false."],
  ["postgres", "Remove it: it is part of every stack that does not say false."],
  ["status_page", "Write status_page: {} for all that is usual."],
])("says what to write in place of %s: true", (word, remedy) => {
  expect(() => produce(sourceOf(add(`${word}: true`)), "local")).toThrow(
    expect.objectContaining({ faults: [expect.objectContaining({ remedy })] }),
  );
});

it("gives all faults of a file at once", () => {
  const stack = change("hello", "Hello").replace("api.example.com", "nope!").replace("1.0.0", "latest");
  expect(() => produce(sourceOf(stack), "local")).toThrow(
    expect.objectContaining({ faults: expect.objectContaining({ length: 3 }) }),
  );
});

it("takes a byte order mark, and Windows line ends", () => {
  expect(produce(sourceOf(`\uFEFF${shortest}`), "local").plan.name).toBe("hello");
  expect(produce(sourceOf(shortest.replaceAll("\n", "\r\n")), "local").plan.name).toBe("hello");
});

it("is not kept busy by a file of many keys", () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`);
  const begun = performance.now();
  expect(() => produce(sourceOf(`${shortest}${keys.join("\n")}`), "local")).toThrow(InputError);
  // Compared each with each, they took a minute.
  expect(performance.now() - begun).toBeLessThan(20_000);
});

it("lets an environment take back what the stack does not have", () => {
  const stack = add("logging: false\nenvironments: { local: { logging: { keep: null } } }");
  expect(produce(sourceOf(stack), "local").plan.components).toContain("elk");
  expect(produce(sourceOf(`${stack}backup: false\n`), "production").plan.components).not.toContain("elk");
});
