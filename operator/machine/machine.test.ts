import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { destinationAs } from "../host/destination.ts";
import { fakeHost } from "../host/fake.ts";
import { Problem } from "../problem.ts";
import { cloudConfig, USER_DATA_LIMIT } from "./cloud-init.ts";
import { initHost, parseStep } from "./init.ts";
import { parametersOfStack } from "./of-stack.ts";
import { checkParameters, keysIn, type MachineParameters, STEPS } from "./parameters.ts";
import { initScript } from "./script.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFakeFakeFake ana@laptop";

describe("what is handed to a shell is checked first", () => {
  test.each<[string, unknown]>([
    ["a user with a semicolon", { user: "a;reboot" }],
    ["root as the deploy user", { user: "root" }],
    ["an option as a user", { user: "-rf" }],
    ["a step that is none", { skip: ["swap; reboot"] }],
    ["a port that is none", { open: [0] }],
    ["a port with words", { open: ["80; drop"] }],
    ["a key with a second line", { keys: [`${KEY}\nssh-rsa AAAA`] }],
    ["a key with options", { keys: [`command="sh" ${KEY}`] }],
    ["a private key", { keys: ["-----BEGIN OPENSSH PRIVATE KEY-----"] }],
  ])("%s", (_, parameters) => {
    const act = () => initScript(parameters as MachineParameters, { origin: "ssh" });
    expect(act).toThrow(Problem);
    expect(act).toThrow(expect.objectContaining({ exitCode: 2 }));
  });

  test("a private key is not repeated in the message", () => {
    expect(() => checkParameters({ keys: ["-----BEGIN OPENSSH PRIVATE KEY-----x"] })).toThrow(
      /^this is a private key$/,
    );
  });
});

test("keys are one a line, without comments", () => {
  expect(keysIn(`# me\r\n${KEY}\r\n\n  ${KEY}  \n`)).toEqual([KEY, KEY]);
});

describe("the script", () => {
  const text = initScript({ keys: [`${KEY}'; touch /tmp/owned; '`], user: "dep-loy" }, { origin: "ssh" });

  test("is bash, and clean to shellcheck where that is at hand", () => {
    execFileSync("bash", ["-n"], { input: text });
    const checked = spawnSync("shellcheck", ["-s", "bash", "-"], { input: text, encoding: "utf8" });
    if (!checked.error) expect(checked.stdout).toBe("");
  });

  test("keeps what a user wrote as a word", () => {
    const ran = spawnSync("bash", ["-c", `${text.slice(0, text.indexOf("\n\n"))}\nprintf %s "$KEYS"`], {
      encoding: "utf8",
    });
    expect(ran.stdout).toBe(`${KEY}'; touch /tmp/owned; '`);
  });

  test("has every step that can be named, and no other", () => {
    const named = [...text.matchAll(/^ {2}step ([a-z0-9]+) /gm)].map(([, name]) => name);
    expect(named).toEqual([...STEPS]);
    for (const name of STEPS) {
      expect(text).toContain(`\ncheck_${name}() {`);
      expect(text).toContain(`\ndo_${name}() {`);
    }
  });

  test("takes Debian's packages from operator/engine's own recipes", () => {
    expect(text).toMatch(/debian-trixie\)[\s\S]*Pin-Priority: 40[\s\S]*docker-compose\/forky/);
    expect(text).toMatch(/ubuntu-noble\)\s*PACKAGE_LIST=\(docker\.io docker-compose-v2/);
  });

  test("does not begin on a system that it does not know", () => {
    const ran = spawnSync("bash", ["-s"], {
      input: text.replace(". /etc/os-release", "ID=fedora VERSION_ID=42"),
      encoding: "utf8",
    });
    expect(ran.status).toBe(2);
    expect(ran.stdout).toMatch(/^failed\tsystem\t.*(Debian 12 or 13|root)/);
  });
});

describe("cloud-init", () => {
  test("carries the same script, without a switch that waits for somebody, within DigitalOcean's limit", () => {
    const text = cloudConfig({ keys: [KEY] });
    expect(text.startsWith("#cloud-config\n")).toBe(true);
    expect(Buffer.byteLength(text)).toBeLessThan(USER_DATA_LIMIT);
    const { write_files, runcmd } = parse(text);
    expect(write_files[0].content).toBe(initScript({ keys: [KEY] }, { origin: "cloud-init" }));
    expect(write_files[0].content).toContain("\nCONFIRM=0\n");
    expect(runcmd).toEqual([["bash", write_files[0].path]]);
  });

  test("says so where it does not fit", () => {
    expect(() => cloudConfig({ keys: Array.from({ length: 600 }, () => KEY.repeat(1)) })).toThrow(/65536/);
  });
});

test.each([
  ["done\tfirewall\tfrom outside only 22", { state: "done", step: "firewall", text: "from outside only 22" }],
  ["ok\tssh\t", { state: "ok", step: "ssh", text: "" }],
  ["Reading package lists...", undefined],
  ["maybe\tssh\tx", undefined],
])("%j", (line, step) => expect(parseStep(line)).toEqual(step));

test.each([
  ["root@203.0.113.7", "deploy@203.0.113.7"],
  ["203.0.113.7", "deploy@203.0.113.7"],
  ["ssh://root@203.0.113.7:2222", "ssh://deploy@203.0.113.7:2222"],
  ["ssh://root@[2001:db8::1]:2222", "ssh://deploy@[2001:db8::1]:2222"],
])("%s as deploy", (destination, expected) => expect(destinationAs(destination, "deploy")).toBe(expected));

test("a stack names the user and the ports", () => {
  const ports = [
    { host_ip: "0.0.0.0", published: 8443, target: 8443 },
    { host_ip: "0.0.0.0", published: 8080, target: 8080 },
    { host_ip: "127.0.0.1", published: 3000, target: 3000 },
  ];
  expect(parametersOfStack("ana@h", { nginx: { ports } })).toEqual({ user: "ana", open: [8080, 8443] });
  expect(parametersOfStack("root@h", {})).toEqual({});
});

describe("initHost", () => {
  const all = ["system", ...STEPS];
  const lines = (states: Record<string, string> = {}) =>
    all.map((step) => `${states[step] ?? "ok"}\t${step}\twords`).join("\n");

  test("is ready where every step is, and a new login has got through", async () => {
    const host = fakeHost(() => ({ stdout: lines({ ssh: "done" }) }), { name: "root@h" });
    const second = fakeHost(() => ({}), { name: "deploy@h" });
    const users: string[] = [];
    const result = await initHost(host, {
      parameters: {},
      login: async (user) => {
        users.push(user);
        return second;
      },
    });
    expect(result.ready).toBe(true);
    expect(result.steps.map(({ step }) => step)).toEqual([...all, "login"]);
    expect(users).toEqual(["deploy"]);
    expect(second.closed).toBe(true);
    expect(host.inputs.at(-1)).toContain("rm -f /var/lib/plimsoll/undo.bash");
  });

  test("takes the doors back where no new login gets through", async () => {
    const host = fakeHost(() => ({ stdout: lines({ ssh: "done" }) }), { name: "root@h" });
    const { ready, steps } = await initHost(host, {
      parameters: {},
      login: async () => {
        throw new Problem("no answer");
      },
    });
    expect(ready).toBe(false);
    expect(steps.at(-1)).toMatchObject({
      step: "login",
      state: "failed",
      text: expect.stringMatching(/no answer.*as they were/),
    });
    expect(host.inputs.at(-1)).toContain("bash /var/lib/plimsoll/undo.bash");
  });

  test("a dry run logs in once, and asks for nothing to stay", async () => {
    const host = fakeHost(() => ({ stdout: lines({ engine: "would" }) }), { name: "root@h" });
    const result = await initHost(host, { parameters: {}, dryRun: true, login: () => Promise.reject() });
    expect(result.ready).toBe(true);
    expect(host.inputs).toHaveLength(1);
    expect(host.inputs[0]).toContain("\nDRY_RUN=1\n");
  });

  test("a user without root or sudo changes nothing", async () => {
    const host = fakeHost(() => ({ exitCode: 1 }), { name: "ana@h", uid: 1000 });
    await expect(initHost(host, { parameters: {}, login: () => Promise.reject() })).rejects.toThrow(/sudo/);
    expect(host.commands).toEqual(["sudo -n true"]);
  });

  test("a script that ends early is told with its last words", async () => {
    const host = fakeHost(() => ({ stdout: "ok\tsystem\tx", stderr: "bash: boom", exitCode: 1 }), {
      name: "root@h",
    });
    await expect(initHost(host, { parameters: {}, login: () => Promise.reject() })).rejects.toThrow(
      /early: bash: boom/,
    );
  });
});
