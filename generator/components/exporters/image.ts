/** A Go server's official image, and its equal from a Debian package. */
import { type Image, template } from "../component.ts";

export type GoImage = {
  name: string;
  official: string;
  /** Where the facts about the official image were read. */
  source: string;
  package: string;
  /** Path of the program in the official image; the Debian image has a link there. */
  binary: string;
  /** Where Debian has it, unless that is the same file (Debian's /bin is /usr/bin). */
  debianBinary?: string;
  uid: number;
  port: number;
  /** Folders that the official image has and gives to its user. */
  folders?: readonly string[];
};

/** busybox stands in for the wget that the official images have, for the healthcheck. */
export function goImage(image: GoImage): Exclude<Image, { context: string }> {
  const { name, official, debianBinary, folders = [], ...facts } = image;
  return {
    official,
    debian: {
      name,
      files: [
        template("Dockerfile", "exporters/Dockerfile.debian.hbs", {
          ...facts,
          name,
          folders,
          workdir: folders[0] ?? "/",
          links: debianBinary === undefined ? [] : [{ from: debianBinary, to: facts.binary }],
        }),
      ],
    },
  };
}

/** Asks with busybox's wget, which the official images have too. */
export function wgetProbe(port: number, path: string) {
  return { test: ["CMD", "wget", "-q", "-T", "4", "-O", "/dev/null", `http://127.0.0.1:${port}${path}`] };
}

/** For GOMEMLIMIT: Go's runtime collects harder as it comes near, before the kernel kills. */
export function goMemoryLimit(memory: number): string {
  return String(Math.floor(memory * 0.85));
}
