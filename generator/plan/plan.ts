/** The plan: every decision about one stack in one environment, before a byte of it is rendered. */
import type {
  Build,
  Component,
  Context,
  Contribution,
  File,
  Grant,
  Grants,
  Image,
  Offers,
  Secret,
  Service,
} from "../components/component.ts";
import type { Core, EnvironmentKind } from "../spec/core.ts";
import { InputError } from "../spec/fault.ts";
import type { Spec } from "../spec/load.ts";
import { type Budget, grantsOf, isShortage, makeBudget, type OwnedClaim } from "./budget.ts";
import { checkPlan } from "./check.ts";
import type { ComposeService } from "./compose.ts";
import { harden } from "./harden.ts";
import { mergedLate, mergeOffers } from "./offers.ts";
import { refuse } from "./refuse.ts";

/** Version of plan.json: what generator/ and operator/ share. */
export const PLAN_VERSION = 1;

export type PlannedService = {
  component: string;
  image: Image;
  /** Everything but what rendering decides: the image's tag, and the label with the hash of its files. */
  compose: Omit<ComposeService, "image" | "build">;
  oneShot: boolean;
  borrows?: readonly string[];
  exceptions: Partial<Record<string, string>>;
};

export type PlannedFile = File & { component: string };
export type PlannedSecret = Secret & { component: string };

export type Plan = {
  version: typeof PLAN_VERSION;
  name: string;
  domain: string;
  environment: EnvironmentKind;
  project: string;
  images: "official" | "debian";
  budget: Budget;
  /** Components that are part of the stack, in the order of the list. */
  components: readonly string[];
  /** Components that cannot be part of it, and why. */
  absent: readonly { component: string; why: string }[];
  services: Readonly<Record<string, PlannedService>>;
  volumes: readonly string[];
  secrets: readonly PlannedSecret[];
  files: readonly PlannedFile[];
  offers: Offers;
  /** Words of the spec that decide how it is operated. */
  words: Pick<Core, "objectives" | "deploy" | "rollback" | "canary">;
};

type Member = { component: Component; options: unknown };

/**
 * @param given a budget to plan with instead of sharing out anew: what `explain` compares under
 * @throws InputError where words contradict each other, or the machine is too small: with the smallest that would do
 */
export function planStack(spec: Spec, components: readonly Component[], given?: Budget): Plan {
  const early = {
    spec: spec.core,
    environment: spec.environment,
    machine: spec.machine,
    images: spec.core.images,
    release: spec.release,
    beside: spec.beside,
  };
  const wanted = components.filter((component) => spec.options.has(component.name));
  const absent = wanted.flatMap((component) => {
    const why = component.absent?.(early);
    return why === undefined ? [] : [{ component: component.name, why }];
  });
  const members: Member[] = wanted
    .filter((component) => !absent.some((entry) => entry.component === component.name))
    .map((component) => ({ component, options: spec.options.get(component.name) }));
  const present = new Set(members.map(({ component }) => component.name));

  const faults = members.flatMap(({ component, options }) =>
    (component.check?.(options, { ...early, present }) ?? []).map((found) =>
      spec.fault({ ...found, path: withoutSteps([...component.at, ...found.path]) }),
    ),
  );
  if (faults.length > 0) throw new InputError(faults);

  const claimsOn = (machine: Context["machine"], without?: string): OwnedClaim[] => {
    const kept = members.filter(({ component }) => component.name !== without);
    const names = new Set(kept.map(({ component }) => component.name));
    return kept.flatMap(({ component, options }) =>
      component
        .claim(options, { ...early, machine, present: names })
        .map((claim) => ({ ...claim, component: component.name })),
    );
  };
  const claims = claimsOn(spec.machine);
  const budget = given ?? makeBudget(spec.machine, claims, spec.held);
  if (isShortage(budget))
    throw refuse(
      spec,
      budget,
      claimsOn,
      members.map(({ component }) => component),
    );

  const context: Context = {
    ...early,
    present,
    services: claims.filter(({ reserve, ends }) => !reserve && !ends).map(({ service }) => service),
    demand: (kind) => claims.reduce((sum, claim) => sum + (claim.demands?.[kind] ?? 0), 0),
  };
  const grants = grantsOf(budget);
  const contributions = members.map(({ component, options }) => ({
    component: component.name,
    added: component.contribute(options, grants, context),
  }));
  const offers = mergeOffers(contributions.map(({ added }) => added));
  const collected = members.flatMap(({ component, options }) =>
    component.collect
      ? [
          {
            component: component.name,
            added: component.collect(options, grants, offers, context) as Contribution,
          },
        ]
      : [],
  );
  const all = [...contributions, ...collected];

  const services: Record<string, PlannedService> = {};
  for (const { component, added } of all) {
    for (const [name, service] of Object.entries(added.services ?? {})) {
      const before = services[name];
      if (before && before.component !== component) {
        throw new Error(`${component} adds the service ${name}, which is ${before.component}'s`);
      }
      services[name] = plannedService(component, name, service, grants, spec.environment);
    }
  }
  const plan: Plan = {
    version: PLAN_VERSION,
    name: spec.core.name,
    domain: spec.core.domain,
    environment: spec.environment,
    project: spec.core.project ?? `${spec.core.name}-${spec.environment}`,
    images: spec.core.images,
    budget,
    components: [...present],
    absent,
    services,
    volumes: [...new Set(all.flatMap(({ added }) => added.volumes ?? []))].sort(),
    secrets: all.flatMap(({ component, added }) =>
      (added.secrets ?? []).map((secret) => ({ ...secret, component })),
    ),
    files: all.flatMap(({ component, added }) => (added.files ?? []).map((file) => ({ ...file, component }))),
    offers: { ...offers, ...mergedLate(offers, collected) },
    words: {
      objectives: spec.core.objectives,
      deploy: spec.core.deploy,
      rollback: spec.core.rollback,
      canary: spec.core.canary,
    },
  };
  checkPlan(plan, spec, claims);
  return plan;
}

/** `["api", "..", "processes"]` is `["processes"]`: a component may find fault with a word beside its own. */
function withoutSteps(path: readonly (string | number)[]): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const step of path) {
    if (step === "..") steps.pop();
    else steps.push(step);
  }
  return steps;
}

function plannedService(
  component: string,
  name: string,
  service: Service,
  grants: Grants,
  environment: EnvironmentKind,
): PlannedService {
  return {
    component,
    image: service.image,
    compose: harden(name, service, withBorrowed(name, service, grants), environment),
    oneShot: service.oneShot === true,
    borrows: service.borrows,
    exceptions: service.exceptions ?? {},
  };
}

function withBorrowed(name: string, { borrows = [] }: Service, grants: Grants): Grant {
  const own = grants.service(name);
  const all = [own, ...borrows.map((reserve) => grants.service(reserve))];
  const sum = (of: (grant: Grant) => number) => all.reduce((total, grant) => total + of(grant), 0);
  return { ...own, memory: sum(({ memory }) => memory), pids: sum(({ pids }) => pids) };
}

/** The build folder of a service's image in this kind of images; undefined for one that is pulled or the user's own. */
export function buildOf(image: Image, images: Plan["images"]): Build | undefined {
  if ("context" in image) return undefined;
  const chosen = image[images];
  return typeof chosen === "string" ? undefined : chosen;
}
