/** `plimsoll host init` on a fresh droplet with a real systemd, sshd, firewall and Docker from Debian's packages. */
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { destinationAs } from "../../operator/host/destination.ts";
import { sshHost } from "../../operator/host/ssh.ts";
import { cloudConfig } from "../../operator/machine/cloud-init.ts";
import { type InitOptions, initHost } from "../../operator/machine/init.ts";
import type { MachineParameters } from "../../operator/machine/parameters.ts";
import { type Droplet, startDroplet } from "./droplet.ts";
import { engineOrSkip } from "./engine.ts";
import { eventually } from "./wait.ts";

/** What a container cannot do: its kernel, swap and clock are the machine's. */
const skip = ["time", "sysctl", "swap"] as const;
const parameters: MachineParameters = { packages: "debian", skip };

describe.skipIf(!(await engineOrSkip()))("a fresh droplet made ready", () => {
  let droplet: Droplet;
  beforeAll(async () => {
    droplet = await startDroplet({ name: "hostinit", engine: false });
    // Docker's own repository does not answer, whatever network this runs in: auto takes Debian's packages.
    await droplet.exec("echo 127.0.0.1 download.docker.com >> /etc/hosts");
    await droplet.exec(
      `mkdir -p /etc/docker && echo '{"log-opts":{"max-size":"50m"},"labels":["ours=1"]}' > /etc/docker/daemon.json`,
    );
  });
  afterAll(() => droplet?.stop());

  async function init(options: Partial<InitOptions> & { as?: string } = {}) {
    const as = `${options.as ?? "root"}@${droplet.host}`;
    const open = (user: string) => sshHost(destinationAs(as, user), { configFile: droplet.sshConfig });
    const host = await open(options.as ?? "root");
    try {
      const auto: MachineParameters = { ...parameters, packages: "auto" };
      const result = await initHost(host, { parameters: auto, login: open, ...options });
      return { ...result, states: Object.fromEntries(result.steps.map(({ step, state }) => [step, state])) };
    } finally {
      await host.close();
    }
  }

  /** Whether a port answers from this machine, which is outside. */
  function outside(port: number): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host: droplet.host, port, timeout: 1_500 });
      const end = (open: boolean) => () => {
        socket.destroy();
        resolve(open);
      };
      socket.once("connect", end(true)).once("timeout", end(false)).once("error", end(false));
    });
  }

  /** On a busy machine an open port takes its time, too. */
  const isOpen = (port: number) => eventually(async () => expect(await outside(port)).toBe(true));

  /** Files and packages, but for what every login and installation rewrites by itself. */
  const traces = () =>
    droplet.exec(
      "find /etc /srv /root/.ssh /home /var/lib/plimsoll -type f ! -name '*-' -exec sha256sum {} + | sort; dpkg -l",
    );

  test("a dry run says what would be done, and does nothing", async () => {
    await droplet.exec("mkdir -p /home /srv");
    const before = await droplet.exec("find /etc /srv /root /home -type f | xargs sha256sum | sort; dpkg -l");
    const { states, ready } = await init({ dryRun: true });
    expect(ready).toBe(true);
    expect(states).toMatchObject({
      engine: "would",
      user: "would",
      firewall: "would",
      ssh: "would",
      swap: "skipped",
    });
    expect(await droplet.exec("find /etc /srv /root /home -type f | xargs sha256sum | sort; dpkg -l")).toBe(
      before,
    );
  });

  test("what a container cannot do is said, and the host is not called ready", async () => {
    const { states, ready } = await init({ dryRun: true, parameters: { packages: "debian" } });
    expect(states).toMatchObject({ time: "impossible", sysctl: "impossible", swap: "impossible" });
    expect(ready).toBe(false);
  });

  test("the first run does all of it", async () => {
    const { states, steps, ready } = await init();
    expect(ready, JSON.stringify(steps, null, 2)).toBe(true);
    expect(states).toEqual({
      ...{ system: "ok", time: "skipped", sysctl: "skipped", swap: "skipped" },
      ...{ journal: "done", settings: "done", engine: "done", user: "done", folder: "done" },
      ...{ upgrades: "done", fail2ban: "done", firewall: "done", ssh: "done", login: "ok" },
    });
  });

  test("an existing daemon.json keeps what it says, and gets what is missing", async () => {
    expect(JSON.parse(await droplet.exec("cat /etc/docker/daemon.json"))).toEqual({
      "log-opts": { "max-size": "50m", "max-file": "5" },
      labels: ["ours=1"],
      "log-driver": "json-file",
      "live-restore": true,
      "default-address-pools": [{ base: "172.20.0.0/14", size: 24 }],
    });
    expect(await droplet.exec("docker info --format '{{.LiveRestoreEnabled}} {{.LoggingDriver}}'")).toBe(
      "true json-file",
    );
  });

  test("the deploy user has the key, Docker, units that linger and the folder, and no password or sudo", async () => {
    const as = { user: "deploy" };
    expect((await droplet.ssh("docker version --format '{{.Server.Version}}'", as)).stdout).toMatch(/^\d+\./);
    expect((await droplet.ssh("touch /srv/plimsoll/mine && rm /srv/plimsoll/mine", as)).exitCode).toBe(0);
    expect((await droplet.ssh("sudo -n true", as)).exitCode).not.toBe(0);
    expect((await droplet.ssh("systemd-run --user --quiet --wait --pipe echo lingers", as)).stdout).toBe(
      "lingers",
    );
    expect(await droplet.exec("getent shadow deploy | cut -d: -f2")).toBe("*");
  });

  test("sshd takes no password, whatever a cloud's own file says", async () => {
    await droplet.exec(
      "echo 'PasswordAuthentication yes' > /etc/ssh/sshd_config.d/50-cloud-init.conf && systemctl reload ssh",
    );
    expect(await droplet.exec("sshd -T | grep -E '^(passwordauthentication|permitrootlogin) ' | sort")).toBe(
      "passwordauthentication no\npermitrootlogin without-password",
    );
    const { stderr } = await droplet.ssh("true", { user: "nobody-here" });
    expect(stderr).toContain("Permission denied (publickey)");
  });

  test("a port that a container publishes to the world is not reachable from outside; 80 and ssh are", async () => {
    await droplet.images(["debian:forky-slim"]);
    const server = (port: number) =>
      `docker run -d --restart always -p 0.0.0.0:${port}:7000 -p [::]:${port}:7000 debian:forky-slim perl -MIO::Socket::INET -e '
         $s = IO::Socket::INET->new(LocalPort => 7000, Listen => 5, ReuseAddr => 1) or die; while ($c = $s->accept) { print $c "here\\n"; close $c }'`;
    await droplet.exec(`${server(9999)}; ${server(80)}`);
    await isOpen(80);
    // It runs, and only the firewall is between: from inside it answers.
    expect(await droplet.exec("timeout 3 bash -c 'read -r line < /dev/tcp/127.0.0.1/9999; echo $line'")).toBe(
      "here",
    );
    expect(await outside(9999)).toBe(false);
    await isOpen(22);
    // Without the firewall Docker's port is open: the test sees.
    await droplet.exec("systemctl stop plimsoll-firewall");
    await isOpen(9999);
    await droplet.exec("systemctl start plimsoll-firewall");
    expect(await outside(9999)).toBe(false);
  });

  test("containers reach the world and each other's published ports", async () => {
    const own = (await droplet.exec("hostname -I")).split(" ")[0];
    const asked = await droplet.exec(
      `docker run --rm debian:forky-slim perl -MIO::Socket::INET -e '
         $s = IO::Socket::INET->new(PeerAddr => "${own}", PeerPort => 9999, Timeout => 3) or die $!; print <$s>'`,
    );
    expect(asked).toBe("here");
  });

  test.each([
    ["Docker restarts", "systemctl restart docker"],
    ["nftables.service flushes everything", "systemctl restart nftables"],
  ])("the firewall holds when %s", async (_, command) => {
    await droplet.exec(command);
    await eventually(async () => void (await droplet.exec("nft list table inet plimsoll")));
    expect(await outside(9999)).toBe(false);
    await isOpen(22);
  });

  test("and after a reboot", async () => {
    await droplet.reboot();
    await isOpen(80);
    expect(await outside(9999)).toBe(false);
    expect(await droplet.exec("systemctl list-units --failed --no-legend --plain")).toBe("");
  });

  test("security upgrades alone come by themselves, and Docker's not", async () => {
    const { stdout, stderr } = await droplet.attempt("unattended-upgrade --dry-run --verbose");
    const said = `${stdout}\n${stderr}`;
    expect(said).toMatch(/Allowed origins are: origin=Debian,codename=trixie-security,label=Debian-Security/);
    expect(said).not.toMatch(/label=Debian[,\n ]/);
    expect(said).toMatch(/blacklist: \^docker \^containerd \^runc/);
  });

  test("fail2ban bans who fails again and again", async () => {
    expect(await droplet.exec("fail2ban-client get sshd maxretry")).toBe("5");
    await droplet.exec("fail2ban-client set sshd banip 203.0.113.9");
    await eventually(async () => expect(await droplet.exec("nft list ruleset")).toContain("203.0.113.9"));
  });

  test("the second run changes nothing, also for a user with sudo", async () => {
    await droplet.exec(`
      useradd -m -s /bin/bash ana && echo 'ana ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ana
      install -d -m 700 -o ana -g ana /home/ana/.ssh && install -m 600 -o ana -g ana /root/.ssh/authorized_keys /home/ana/.ssh/`);
    const before = await traces();
    for (const as of ["root", "ana"]) {
      const { states, steps, ready } = await init({ as });
      expect(ready, JSON.stringify(steps, null, 2)).toBe(true);
      expect(Object.values(states).filter((state) => state !== "ok" && state !== "skipped")).toEqual([]);
    }
    expect(await traces()).toBe(before);
  });

  test("doors through which no new login gets are taken back", async () => {
    const before = await droplet.exec("sha256sum /etc/plimsoll/firewall.nft");
    const { states, steps } = await init({
      parameters: { ...parameters, open: [80, 443, 9999] },
      login: () => Promise.reject(new Error("nobody gets in")),
    });
    expect(states).toMatchObject({ firewall: "done", login: "failed" });
    expect(steps.at(-1)?.text).toMatch(/as they were/);
    expect(await droplet.exec("sha256sum /etc/plimsoll/firewall.nft")).toBe(before);
    expect(await outside(9999)).toBe(false);
    expect(await droplet.exec("systemctl list-timers --no-legend 'plimsoll-init*'")).toBe("");
  });

  test("a key is asked for before passwords go", async () => {
    await droplet.exec("rm /etc/ssh/sshd_config.d/00-plimsoll.conf && systemctl reload ssh");
    await droplet.exec(
      "mv /root/.ssh/authorized_keys /root/keys && mv /home/deploy/.ssh/authorized_keys /root/keys2",
    );
    const { states, steps } = await init({
      as: "ana",
      login: async () => sshHost(`ana@${droplet.host}`, { configFile: droplet.sshConfig }),
    });
    await droplet.exec("mv /root/keys /root/.ssh/authorized_keys");
    // ana's own are copied: the deploy user has one, and so passwords may go.
    expect(states, JSON.stringify(steps)).toMatchObject({ user: "done", ssh: "done" });
    expect(await droplet.exec("cat /home/deploy/.ssh/authorized_keys")).toContain("test@laptop");
  });
});

describe.skipIf(!(await engineOrSkip()))("a droplet that cloud-init makes ready at its first boot", () => {
  let droplet: Droplet;
  beforeAll(async () => {
    droplet = await startDroplet({ name: "cloudinit", engine: false });
    await droplet.exec("apt-get update -q && apt-get install -y -q --no-install-recommends cloud-init");
  });
  afterAll(() => droplet?.stop());

  test("the user data is what cloud-init's own schema allows", async () => {
    const input = cloudConfig(parameters);
    expect(
      await droplet.exec("cat > /root/user-data && cloud-init schema -c /root/user-data", { input }),
    ).toMatch(/Valid schema/i);
  });

  test("cloud-init runs all steps, and host init finds them done", async () => {
    const seed = "/var/lib/cloud/seed/nocloud";
    await droplet.exec(`mkdir -p ${seed} && mv /root/user-data ${seed}/
      printf 'instance-id: i-1\nlocal-hostname: droplet\n' > ${seed}/meta-data
      printf 'datasource_list: [NoCloud]\nssh_deletekeys: false\n' > /etc/cloud/cloud.cfg.d/90_test.cfg`);
    await droplet.reboot();
    // host init waits for cloud-init by itself.
    const open = (user: string) => sshHost(`${user}@${droplet.host}`, { configFile: droplet.sshConfig });
    const host = await open("root");
    try {
      const { ready, steps } = await initHost(host, { parameters, login: open });
      expect(ready, JSON.stringify(steps, null, 2)).toBe(true);
      expect(steps.filter(({ state }) => state === "done")).toEqual([]);
    } finally {
      await host.close();
    }
    expect(await droplet.exec("cloud-init status")).toContain("done");
    expect(await droplet.exec("cat /var/log/cloud-init-output.log")).toMatch(/^done\tssh\t/m);
  });
});
