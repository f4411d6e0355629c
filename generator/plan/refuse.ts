/** A stack that cannot fit: what is missing, the smallest droplet that would do and its price, what could go. */
import type { Component } from "../components/component.ts";
import { InputError } from "../spec/fault.ts";
import type { Spec } from "../spec/load.ts";
import { droplets, type Machine } from "../spec/machine.ts";
import { GiB, MiB } from "../spec/words.ts";
import { isShortage, makeBudget, type OwnedClaim, type Shortage } from "./budget.ts";

type ClaimsOn = (machine: Machine, without?: string) => OwnedClaim[];

export function refuse(
  spec: Spec,
  shortage: Shortage,
  claimsOn: ClaimsOn,
  components: readonly Component[],
): InputError {
  const { machine } = spec;
  const missing = [
    shortage.memory > 0 ? `${Math.ceil(shortage.memory / MiB)} MB of memory` : undefined,
    shortage.disk > 0 ? `${Math.ceil(shortage.disk / GiB)} GB of disk` : undefined,
  ].filter((text) => text !== undefined);
  const size = `${machine.slug === "custom" ? "" : `${machine.slug}: `}${Number((machine.memory / GiB).toFixed(2))} GB of memory, ${Math.round(machine.disk / GiB)} GB of disk`;
  const fits = smallestFit(claimsOn);
  const remedies = [
    fits
      ? `The smallest droplet that carries it: ${fits.slug}, $${fits.price} a month.`
      : "No droplet of the catalogue carries it.",
    ...leaveOut(machine, claimsOn, components),
  ];
  return new InputError([
    spec.fault({
      path: ["machine"],
      message: `${spec.core.name} does not fit in ${spec.environment}: ${missing.join(" and ")} short (${size})`,
      remedy: remedies.join("\n    "),
    }),
  ]);
}

export function smallestFit(claimsOn: ClaimsOn): Machine | undefined {
  return droplets.find((machine) => !isShortage(makeBudget(machine, claimsOn(machine))));
}

function leaveOut(machine: Machine, claimsOn: ClaimsOn, components: readonly Component[]): string[] {
  const found = components
    .filter((component) => component.optional)
    .flatMap((component) => {
      const claims = claimsOn(machine, component.name);
      const saved = claimsOn(machine)
        .filter((claim) => claim.component === component.name)
        .reduce((sum, claim) => sum + claim.memory.floor, 0);
      const enough = isShortage(makeBudget(machine, claims)) ? "" : ", and then it fits";
      return saved < 128 * MiB && enough === ""
        ? []
        : [
            `Could be left out: ${component.at.join(".")}: false saves ${Math.round(saved / MiB)} MB${enough}.`,
          ];
    });
  // What would be enough by itself comes first.
  return found.sort((a, b) => Number(b.endsWith("fits.")) - Number(a.endsWith("fits.")));
}
