/** Machines: DigitalOcean's droplets by slug, or any other by its CPU, memory and disk. */
import { z } from "zod";
import { GiB, Size } from "./words.ts";

/** Sizes and prices as listed by DigitalOcean on this day; `plimsoll cost` prints it beside every figure. */
export const PRICES_OF = "2026-08-21";

const DROPLETS = {
  "s-1vcpu-1gb": { cpus: 1, memory: 1, disk: 25, price: 6 },
  "s-1vcpu-2gb": { cpus: 1, memory: 2, disk: 50, price: 12 },
  "s-2vcpu-2gb": { cpus: 2, memory: 2, disk: 60, price: 18 },
  "s-2vcpu-4gb": { cpus: 2, memory: 4, disk: 80, price: 24 },
  "s-2vcpu-8gb-amd": { cpus: 2, memory: 8, disk: 100, price: 42 },
  "s-4vcpu-8gb": { cpus: 4, memory: 8, disk: 160, price: 48 },
  "s-4vcpu-16gb-amd": { cpus: 4, memory: 16, disk: 200, price: 84 },
  "s-8vcpu-16gb": { cpus: 8, memory: 16, disk: 320, price: 96 },
  "s-8vcpu-32gb-amd": { cpus: 8, memory: 32, disk: 400, price: 168 },
} as const;

export type DropletSlug = keyof typeof DROPLETS;

export type Machine = {
  /** The droplet's slug, or `custom`. */
  slug: DropletSlug | "custom";
  /** vCPUs; may be a fraction for a machine that is shared. */
  cpus: number;
  /** Bytes. */
  memory: number;
  /** Bytes. */
  disk: number;
  /** US dollars a month, as of PRICES_OF; absent for a machine of one's own. */
  price?: number;
  /** True where all of the memory named is the stack's to use: a laptop spares it, it does not run on it. */
  spared?: boolean;
};

/** Every droplet known, cheapest first. */
export const droplets: readonly Machine[] = Object.entries(DROPLETS).map(([slug, size]) => ({
  slug: slug as DropletSlug,
  cpus: size.cpus,
  memory: size.memory * GiB,
  disk: size.disk * GiB,
  price: size.price,
}));

const slugs = Object.keys(DROPLETS) as [DropletSlug, ...DropletSlug[]];

const CustomMachine = z
  .strictObject({
    cpus: z.number().min(0.5).max(256).describe("vCPUs"),
    memory: Size.describe("Memory of the machine"),
    disk: Size.describe("Disk of the machine"),
    spared: z
      .boolean()
      .optional()
      .describe(
        "true: all of this is for the stack (a laptop that spares it), nothing is reserved for the host",
      ),
  })
  .transform((machine): Machine => ({ slug: "custom", ...machine }));

const Droplet = z
  .enum(slugs, { error: `expected a droplet's slug, one of ${slugs.join(", ")}` })
  .transform((slug): Machine => droplets.find((droplet) => droplet.slug === slug) as Machine);

/** The machine of an environment: a droplet's slug, or `{ cpus, memory, disk }`. */
export const MachineWord = z
  .union([Droplet, CustomMachine], {
    error: `expected a droplet's slug (${slugs.join(", ")}) or { cpus, memory, disk }`,
  })
  .describe(
    "The machine: a droplet's slug, or cpus, memory and disk. local assumes a laptop that spares 2 CPUs, 8 GB and 60 GB, unless environments.local.machine says otherwise",
  );

/** What `local` assumes: a laptop that can spare 8 GB. Docker refuses a CPU limit above what there is, so few. */
export const laptop: Machine = { slug: "custom", cpus: 2, memory: 8 * GiB, disk: 60 * GiB, spared: true };
