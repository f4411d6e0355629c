import { expect, test } from "vitest";
import { type Answer, type FakeHost, fakeHost } from "../host/fake.ts";
import { type Distribution, parseOsRelease } from "./distribution.ts";
import { decide, ensureEngine, RECORD, readRecord, wayBack } from "./install.ts";
import { advice, composePackages, recipeFor } from "./recipe.ts";

const RELEASES = {
  bookworm:
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
  trixie: 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_CODENAME=trixie\n',
  sid: 'PRETTY_NAME="Debian GNU/Linux forky/sid"\nID=debian\n',
  bullseye: 'PRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\nID=debian\nVERSION_CODENAME=bullseye\n',
  noble:
    'PRETTY_NAME="Ubuntu 24.04.2 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\nUBUNTU_CODENAME=noble\n',
  mint: 'PRETTY_NAME="Linux Mint 22"\nID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=wilma\n',
  fedora: 'PRETTY_NAME="Fedora Linux 42 (Server Edition)"\nID=fedora\nVERSION_CODENAME=""\n',
  rocky: 'PRETTY_NAME="Rocky Linux 9.5"\nID="rocky"\nID_LIKE="rhel centos fedora"\n',
  tumbleweed: 'PRETTY_NAME="openSUSE Tumbleweed"\nID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n',
} as const;

const release = (name: keyof typeof RELEASES): Distribution => parseOsRelease(RELEASES[name]);
const silent = (installed: boolean) => ({
  kind: "silent" as const,
  endpoint: "unix:///x",
  installed,
  why: "",
});
const old = { kind: "no compose" as const, endpoint: "unix:///x", version: "20.10" };

test.each([
  ["bookworm", silent(false), 0, "install"],
  ["bookworm", silent(false), 1000, "become root"],
  ["bookworm", silent(true), 0, "start"],
  ["bookworm", silent(true), 1000, "become root"],
  ["bookworm", old, 0, "add compose"],
  ["trixie", silent(false), 0, "install"],
  ["noble", silent(false), 0, "install"],
  ["noble", old, 1000, "become root"],
  ["bullseye", silent(false), 0, "advise"],
  ["mint", silent(false), 0, "advise"],
  ["fedora", silent(false), 0, "advise"],
  ["fedora", silent(true), 0, "start"],
  ["fedora", old, 0, "advise"],
] as const)("%s, %j, uid %i: %s", (name, state, uid, expected) => {
  expect(decide(state, release(name), uid)).toBe(expected);
});

test.each(["bookworm", "trixie"] as const)(
  "%s takes Docker from forky, pinned below everything else, and containerd from itself",
  (name) => {
    const recipe = recipeFor(release(name));
    expect(recipe?.packages).toContain("docker-compose/forky");
    expect(recipe?.packages).toContain("docker-cli/forky");
    expect(recipe?.packages).toContain("containerd");
    expect(recipe?.files.map(({ text }) => text).join()).toMatch(
      /Check-Valid-Until: no[\s\S]*Pin-Priority: 40/,
    );
  },
);

test("sid and Ubuntu have all of it and need no source", () => {
  for (const name of ["sid", "noble"] as const) expect(recipeFor(release(name))?.files).toEqual([]);
  expect(recipeFor(release("sid"))?.packages).toContain("docker-cli");
  expect(recipeFor(release("noble"))?.packages).toContain("docker-compose-v2");
});

test("Compose comes from where the engine came from: docker-ce and docker.io exclude each other", () => {
  const bookworm = release("bookworm");
  expect(composePackages(bookworm, new Set(["docker-ce"]))).toEqual([
    "docker-compose-plugin",
    "docker-buildx-plugin",
  ]);
  expect(composePackages(bookworm, new Set(["docker.io"]))).toContain("docker-compose/forky");
  expect(composePackages(bookworm, new Set())).toBeUndefined();
});

test.each([
  ["fedora", /dnf install/],
  ["rocky", /dnf install|docs\.docker\.com/],
  ["tumbleweed", /zypper install/],
  ["mint", /docs\.docker\.com\/engine\/install/],
] as const)("%s is told how", (name, words) => expect(advice(release(name))).toMatch(words));

/** A machine on which apt "installs" Docker and dockerd (or systemd) starts it. */
function machine(
  name: keyof typeof RELEASES,
  options: {
    uid?: number;
    systemd?: boolean;
    apt?: Answer;
    /** `second`: another dockerd is in the way of the first try. */
    starts?: boolean | "second";
    dockerHost?: string;
    socket?: string;
    /** Version of an engine that answers from the start. */
    running?: string;
  } = {},
): FakeHost {
  let starts = 0;
  let running = options.running !== undefined;
  const files: Record<string, string> = { "/etc/os-release": RELEASES[name] };
  if (options.systemd) files["/run/systemd/system/x"] = "";
  return fakeHost(
    (line, host) => {
      const own = options.apt?.(line, host);
      if (own) return own;
      if (line.startsWith("apt-get install")) host.files.set("/usr/sbin/dockerd", "");
      if (line.startsWith("systemctl enable")) running = true;
      if (line === "docker compose version")
        return running ? { stdout: "Docker Compose version 2.40.3" } : { exitCode: 1 };
      if (line.startsWith("docker context")) return { exitCode: 127 };
      return undefined;
    },
    {
      uid: options.uid ?? 0,
      files,
      environment: { DOCKER_HOST: options.dockerHost },
      start: (_, host) => {
        starts += 1;
        running = options.starts === "second" ? starts === 2 : (options.starts ?? true);
        if (options.starts === "second" && starts === 1) {
          const log = "/var/log/plimsoll-dockerd.log";
          host.files.set(log, `${host.files.get(log)}failed: process with PID 812 is still running\n`);
        }
        return running;
      },
      docker: () => ({
        ping: async () => {
          if (!running) throw Object.assign(new Error("connect"), { code: options.socket ?? "ENOENT" });
          return "OK";
        },
        info: async () => ({ ServerVersion: options.running ?? "28.5.2", DockerRootDir: "/var/lib/docker" }),
      }),
    },
  );
}

const quiet = () => undefined;

test("installs on bookworm without systemd, and starts dockerd itself", async () => {
  const host = machine("bookworm");
  const said: string[] = [];
  const engine = await ensureEngine(host, (line) => said.push(line));
  expect(engine.version).toBe("28.5.2");
  expect(said[0]).toMatch(/^Installing docker\.io, docker-cli, docker-compose/);
  expect(
    host.commands.some((line) =>
      /^apt-get install -y .*--no-install-recommends.* docker\.io\/forky/.test(line),
    ),
  ).toBe(true);
  expect(host.commands).toContain("start dockerd");
  expect(host.files.has("/etc/apt/preferences.d/plimsoll-forky")).toBe(true);
});

test("notes what it added, so that it can be taken back", async () => {
  const host = machine("bookworm");
  await ensureEngine(host, quiet);
  const record = await readRecord(host);
  expect(record?.packages).toContain("docker.io");
  expect(wayBack(record as NonNullable<typeof record>)).toMatch(
    /purge.*docker\.io[\s\S]*rm -f .*plimsoll-forky/,
  );
  expect(host.files.has(RECORD)).toBe(true);
});

test("a second run installs nothing", async () => {
  const host = machine("bookworm");
  await ensureEngine(host, quiet);
  host.commands.length = 0;
  await ensureEngine(host, quiet);
  expect(host.commands.filter((line) => /apt|start/.test(line))).toEqual([]);
});

test("a forky source that is there already is not added a second time", async () => {
  const apt: Answer = (line) =>
    line.includes("indextargets") ? { stdout: "bookworm/main\nforky/main\n" } : undefined;
  const host = machine("bookworm", { apt });
  await ensureEngine(host, quiet);
  expect([...host.files.keys()].filter((path) => path.startsWith("/etc/apt"))).toEqual([]);
});

test("where systemd is PID 1, systemd starts it", async () => {
  const host = machine("trixie", { systemd: true });
  await ensureEngine(host, quiet);
  expect(host.commands).toContain("systemctl enable --now docker");
  expect(host.commands.some((line) => line.startsWith("start "))).toBe(false);
});

test.each([
  ["without root", machine("noble", { uid: 1000 }), /sudo .*plimsoll engine install/],
  ["on Fedora", machine("fedora"), /dnf install/],
  [
    "with DOCKER_HOST set elsewhere",
    machine("bookworm", { dockerHost: "tcp://10.0.0.9:2375" }),
    /DOCKER_HOST/,
  ],
  [
    "without permission for the socket",
    machine("bookworm", { uid: 1000, socket: "EACCES" }),
    /usermod -aG docker/,
  ],
  ["where dockerd ends at once", machine("trixie", { starts: false }), /plimsoll-dockerd\.log/],
])("%s it installs nothing it should not, and says what to do", async (_, host, remedy) => {
  await expect(ensureEngine(host, quiet)).rejects.toMatchObject({ remedy: expect.stringMatching(remedy) });
});

test.each([
  [
    "no network",
    "E: Failed to fetch http://deb.debian.org/x  Temporary failure resolving 'deb.debian.org'",
    /mirror does not answer/,
  ],
  [
    "an interrupted dpkg",
    "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'",
    /interrupted/,
  ],
  ["a full disk", "E: You don't have enough free space in /var/cache/apt/archives/.", /disk is full/],
  [
    "a held lock",
    "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812",
    /holds the lock/,
  ],
  ["anything else", "E: Unable to locate package docker-buildx", /Unable to locate package/],
])("%s is told in words", async (_, stderr, message) => {
  const apt: Answer = (line) => (line.startsWith("apt-get install") ? { exitCode: 100, stderr } : undefined);
  await expect(ensureEngine(machine("trixie", { apt }), quiet)).rejects.toThrow(message);
});

test("an engine that is too old is not replaced: that would stop its containers", async () => {
  const apt: Answer = (line) => (line.startsWith("dpkg-query") ? { stdout: "ii  docker.io\n" } : undefined);
  const host = machine("bookworm", { apt, running: "20.10.24+dfsg1" });
  await expect(ensureEngine(host, quiet)).rejects.toMatchObject({
    message: expect.stringContaining("25.0.0 or newer is needed"),
    remedy: expect.stringContaining("apt-get purge docker.io"),
  });
  expect(host.commands.some((line) => line.startsWith("apt-get install"))).toBe(false);
});

test("docker-ce that does not answer is not replaced", async () => {
  const apt: Answer = (line) => (line.startsWith("dpkg-query") ? { stdout: "ii  docker-ce\n" } : undefined);
  await expect(ensureEngine(machine("trixie", { apt }), quiet)).rejects.toThrow(/docker-ce is installed/);
});

test("a dockerd that is still ending is waited for, and ours is started then", async () => {
  const log = "/var/log/plimsoll-dockerd.log";
  const host = machine("trixie", { starts: "second" });
  host.files.set("/usr/sbin/dockerd", "");
  host.files.set(log, "an older line: iptables failed\n");
  const said: string[] = [];
  await ensureEngine(host, (line) => said.push(line));
  expect(host.commands.filter((line) => line === "start dockerd")).toHaveLength(2);
  expect(said.join()).toContain("another dockerd (process 812) is still ending");
});
