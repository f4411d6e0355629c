/** The budget: what every service may use of the machine. Memory and disk add up to less than there is. */
import type { Claim, Grant, Grants, Part } from "../components/component.ts";
import type { Machine } from "../spec/machine.ts";
import { GiB, MiB } from "../spec/words.ts";
import { shareOut } from "./share.ts";

export type Line = {
  /** A service, or what is held in reserve. */
  name: string;
  component: string;
  reserve?: string;
  /** Bytes. */
  memory: number;
  cpus: number;
  cpuShares: number;
  pids: number;
  /** Bytes by volume. */
  disk: Record<string, number>;
};

export type Budget = {
  machine: Machine;
  lines: readonly Line[];
  /** Bytes. */
  memory: { total: number; host: number; granted: number };
  disk: { total: number; host: number; granted: number };
};

/** Memory by service and disk by volume, in bytes; the first choice first. */
export type Held = readonly {
  memory: Readonly<Record<string, number>>;
  disk: Readonly<Record<string, number>>;
}[];

export type OwnedClaim = Claim & { component: string };

/** What is missing, in bytes; zero where it fits. */
export type Shortage = { memory: number; disk: number };

/** The kernel, the Docker engine, sshd, and page cache enough to live. Bytes. */
export function hostMemory(machine: Machine): number {
  if (machine.spared) return 0;
  return Math.round(Math.max(256 * MiB, Math.min(1 * GiB, 0.09 * machine.memory)));
}

/**
 * The system, container images (two releases side by side during a deploy), and 10% that stays free. Bytes.
 * Servers of one image are counted as if each had its own, up to so many: more than that are copies.
 */
export function hostDisk(machine: Machine, services: number): number {
  return (machine.spared ? 0 : 5 * GiB) + Math.min(services, MOST_IMAGES) * 0.5 * GiB + 0.1 * machine.disk;
}

/** All images of a whole stack, and room for a second release of them. */
const MOST_IMAGES = 40;

/** Container logs: three files of 10 MB for each service, compressed or not. Bytes. */
export const LOG_DISK = 30 * MiB;

const DISK_UNIT = 64 * MiB;

/**
 * @param held bytes that services have already: kept where a claim allows them and all still fits, so that
 * a change of one service restarts no other. The first of them that fits counts; otherwise all is shared out anew
 */
export function makeBudget(
  machine: Machine,
  claims: readonly OwnedClaim[],
  held: Held = [],
): Budget | Shortage {
  for (const before of held) {
    const kept = shareAmong(
      machine,
      claims.map((claim) => hold(claim, before)),
      true,
    );
    if (!isShortage(kept)) return kept;
  }
  return shareAmong(machine, claims, false);
}

/** @param holding volumes keep what they have: one more container of an image that is there takes a log's room alone */
function shareAmong(machine: Machine, claims: readonly OwnedClaim[], holding: boolean): Budget | Shortage {
  const running = claims.filter((claim) => claim.reserve === undefined).length;
  const host = { memory: hostMemory(machine), disk: hostDisk(machine, running) };
  const volumes = claims.flatMap((claim) =>
    Object.entries(claim.disk ?? {}).map(([volume, part]) => ({ claim, volume, part })),
  );
  const memory = shareOut(
    machine.memory - host.memory,
    claims.map((claim) => claim.memory),
    MiB,
  );
  const logs = running * LOG_DISK;
  const wanted = volumes.reduce((sum, { part }) => sum + Math.ceil(part.floor / DISK_UNIT) * DISK_UNIT, 0);
  if (holding) host.disk = Math.min(host.disk, Math.max(machine.disk - logs - wanted, 0.1 * machine.disk));
  const disk = shareOut(
    machine.disk - host.disk - logs,
    volumes.map(({ part }) => part),
    DISK_UNIT,
  );
  if (memory === undefined || disk === undefined) {
    return {
      memory: shortOf(
        machine.memory - host.memory,
        claims.map((claim) => claim.memory),
        MiB,
      ),
      disk: shortOf(
        machine.disk - host.disk - logs,
        volumes.map(({ part }) => part),
        DISK_UNIT,
      ),
    };
  }
  const lines = claims.map((claim, index): Line => {
    const own = volumes.flatMap((entry, at) =>
      entry.claim === claim ? [[entry.volume, disk[at] as number] as const] : [],
    );
    return {
      name: claim.service,
      component: claim.component,
      reserve: claim.reserve,
      memory: memory[index] as number,
      cpus: Math.min(claim.cpu.cap ?? machine.cpus, machine.cpus),
      cpuShares: claim.cpu.weight,
      pids: claim.pids,
      disk: Object.fromEntries(own),
    };
  });
  return {
    machine,
    lines,
    memory: {
      total: machine.memory,
      host: host.memory,
      granted: memory.reduce((sum, bytes) => sum + bytes, 0),
    },
    disk: {
      total: machine.disk,
      host: host.disk + logs,
      granted: disk.reduce((sum, bytes) => sum + bytes, 0),
    },
  };
}

function hold(claim: OwnedClaim, before: Held[number]): OwnedClaim {
  return {
    ...claim,
    memory: holdPart(claim.memory, before.memory[claim.service]),
    ...(claim.disk && {
      disk: Object.fromEntries(
        Object.entries(claim.disk).map(([volume, part]) => [volume, holdPart(part, before.disk[volume])]),
      ),
    }),
  };
}

function holdPart(part: Part, bytes: number | undefined): Part {
  const { floor, ceiling = Infinity } = part;
  return bytes === undefined || bytes < floor || bytes > ceiling ? part : { floor: bytes, weight: 0 };
}

/** In whole units, as they are shared out: what does not fit is short of something. */
function shortOf(total: number, parts: readonly Part[], unit: number): number {
  const floors = parts.reduce((sum, part) => sum + Math.ceil(part.floor / unit), 0);
  return Math.max(0, floors - Math.floor(total / unit)) * unit;
}

export function isShortage(result: Budget | Shortage): result is Shortage {
  return !("lines" in result);
}

export function grantsOf(budget: Budget): Grants {
  return {
    service(name): Grant {
      const line = budget.lines.find((candidate) => candidate.name === name);
      if (line === undefined) throw new Error(`the service ${name} claimed nothing`);
      return { memory: line.memory, cpus: line.cpus, cpuShares: line.cpuShares, pids: line.pids };
    },
    volume(name): number {
      const line = budget.lines.find((candidate) => Object.hasOwn(candidate.disk, name));
      if (line === undefined) throw new Error(`the volume ${name} was not claimed as disk`);
      return line.disk[name] as number;
    },
  };
}
