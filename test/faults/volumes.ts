/** Volumes with a disk of their own, so that one can be full while all others are not: ext4 in a file, through a loop device. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { RunningStack } from "../e2e/engine.ts";

export type Disks = {
  /** Takes all that is left on it, to the last block. */
  fill(volume: string): Promise<void>;
  /** Gives it back. */
  free(volume: string): Promise<void>;
  /** After the stack's volumes are gone. */
  close(): Promise<void>;
};

/** Before the stack is started for the first time. @param megabytes by volume, as stack.yaml's services name it */
export async function ownDisks(
  stack: RunningStack,
  megabytes: Readonly<Record<string, number>>,
): Promise<Disks> {
  const folder = await mkdtemp(join(tmpdir(), "disks-"));
  const devices: string[] = [];
  const env = { DOCKER_HOST: stack.engine.endpoint };
  const close = async () => {
    for (const device of devices.splice(0)) await execa("losetup", ["--detach", device], { reject: false });
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (const [volume, size] of Object.entries(megabytes)) {
      const file = join(folder, volume);
      await execa("truncate", ["--size", `${size}M`, file]);
      // Nothing kept for root: what is full is full for everybody.
      await execa("mkfs.ext4", ["-q", "-m", "0", "-E", "root_owner=999:999", file]);
      // Others write to some of them too, as to a volume that is made of an image's folder.
      await execa("debugfs", ["-w", "-R", "set_inode_field <2> mode 041777", file]);
      const { stdout: device } = await execa("losetup", ["--find", "--show", file]);
      devices.push(device);
      const words = [
        ...["--label", `com.docker.compose.project=${stack.project}`],
        ...["--label", `com.docker.compose.volume=${volume}`],
        ...["--opt", "type=ext4", "--opt", `device=${device}`],
      ];
      await execa("docker", ["volume", "create", ...words, `${stack.project}_${volume}`], { env });
    }
  } catch (error) {
    await close();
    throw error;
  }
  const mountpoint = async (volume: string) => {
    const format = ["volume", "inspect", "--format", "{{.Mountpoint}}", `${stack.project}_${volume}`];
    return (await execa("docker", format, { env })).stdout;
  };
  return {
    async fill(volume) {
      const file = join(await mountpoint(volume), "filler");
      // Twice: the second takes what the first was too coarse for.
      for (const block of ["1M", "4k"])
        await execa("dd", ["if=/dev/zero", `of=${file}`, `bs=${block}`, "oflag=append", "conv=notrunc"], {
          reject: false,
        });
      const { stdout } = await execa("df", ["--output=avail", "-k", file]);
      const left = Number(stdout.split("\n")[1]);
      if (left > 64) throw new Error(`${volume} is not full: ${left} kB are left`);
    },
    async free(volume) {
      await rm(join(await mountpoint(volume), "filler"), { force: true });
    },
    close,
  };
}
