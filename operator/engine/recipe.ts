/** How an engine is installed: from a distribution's own packages where we know them, otherwise in words. */
import type { Distribution } from "./distribution.ts";

export type Recipe = {
  /** apt sources and preferences that are added first. */
  files: readonly { path: string; text: string }[];
  packages: readonly string[];
  because: string;
};

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * Bookworm's own Compose is 1.29 and trixie's 2.26, too old; forky's need nothing newer than bookworm's libc. Priority
 * 40: below everything installed or installable, so that no other package ever comes from there by itself.
 */
const FORKY: Recipe["files"] = [
  {
    path: "/etc/apt/sources.list.d/plimsoll-forky.sources",
    text: [
      "# Written by plimsoll for docker.io, docker-cli, docker-compose and docker-buildx alone.",
      "Types: deb",
      "URIs: http://deb.debian.org/debian",
      "Suites: forky",
      "Components: main",
      `Signed-By: ${KEYRING}`,
      // A testing suite's Release file is valid for a week: a mirror that lags is not an attack on this machine.
      "Check-Valid-Until: no",
      "",
    ].join("\n"),
  },
  {
    path: "/etc/apt/preferences.d/plimsoll-forky",
    text: ["# Written by plimsoll.", "Package: *", "Pin: release n=forky", "Pin-Priority: 40", ""].join("\n"),
  },
];

const ALWAYS = ["containerd", "runc", "iptables", "ca-certificates"];

/** docker-cli is only recommended by docker.io since Debian 13, and recommendations are not installed. */
const DEBIAN = ["docker.io", "docker-cli", "docker-compose", "docker-buildx"];

/** Undefined where we know no packages: then `advice` says what a person can do. */
export function recipeFor({ id, codename }: Distribution): Recipe | undefined {
  if (id === "debian" && (codename === "bookworm" || codename === "trixie")) {
    return {
      files: FORKY,
      packages: [...DEBIAN.map((name) => `${name}/forky`), ...ALWAYS],
      because: `${codename}'s Compose is too old, so Docker comes from Debian's forky, pinned so that nothing else does`,
    };
  }
  if (id === "debian" && ["forky", "sid", "duke"].includes(codename)) {
    return { files: [], packages: [...DEBIAN, ...ALWAYS], because: "Debian has all of it" };
  }
  if (id === "ubuntu" && codename !== "" && !["xenial", "bionic", "focal"].includes(codename)) {
    return {
      files: [],
      packages: ["docker.io", "docker-compose-v2", "docker-buildx", ...ALWAYS],
      because: "Ubuntu has all of it, in universe",
    };
  }
  return undefined;
}

/** Compose and buildx alone, for an engine that is there without them: as the engine itself was installed. */
export function composePackages(
  distribution: Distribution,
  installed: ReadonlySet<string>,
): readonly string[] | undefined {
  // docker-ce and Debian's docker.io exclude each other, and so do their plugins.
  if (installed.has("docker-ce")) return ["docker-compose-plugin", "docker-buildx-plugin"];
  if (!installed.has("docker.io")) return undefined;
  // The CLI stays as it is: forky's breaks an older engine, and what is there works with newer plugins.
  return recipeFor(distribution)?.packages.filter((name) => /^docker-(compose|buildx)/.test(name));
}

const BY_FAMILY: readonly (readonly [readonly string[], string])[] = [
  [
    ["fedora"],
    "sudo dnf install moby-engine docker-cli docker-compose docker-buildx && sudo systemctl enable --now docker",
  ],
  [
    ["arch", "archarm"],
    "sudo pacman -S docker docker-compose docker-buildx && sudo systemctl enable --now docker",
  ],
  [
    ["alpine"],
    "sudo apk add docker docker-cli-compose docker-cli-buildx && sudo rc-update add docker && sudo service docker start",
  ],
  [
    ["opensuse", "suse"],
    "sudo zypper install docker docker-compose docker-buildx && sudo systemctl enable --now docker",
  ],
];

/** How a person installs an engine on a system that we do not install one on. */
export function advice({ id, like, title }: Distribution): string {
  if (id === "darwin") {
    return [
      "Install Docker Desktop (https://docs.docker.com/desktop/setup/install/mac-install/) and start it, or:",
      "brew install colima docker docker-compose docker-buildx && colima start --cpu 4 --memory 8",
    ].join("\n");
  }
  if (id === "win32") {
    return [
      "Install Docker Desktop with its WSL 2 engine (https://docs.docker.com/desktop/setup/install/windows-install/),",
      "and run plimsoll inside WSL.",
    ].join("\n");
  }
  const family = [id, ...like].map((name) => name.replace(/-.*$/, ""));
  const known = BY_FAMILY.find(([names]) => names.some((name) => family.includes(name)));
  if (known) return `On ${title}:\n${known[1]}`;
  return `Install Docker Engine with its Compose plugin on ${title}: https://docs.docker.com/engine/install/`;
}
