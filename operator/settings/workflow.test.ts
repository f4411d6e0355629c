import { expect, it } from "vitest";
import { parse } from "yaml";
import { deployWorkflow } from "./workflow.ts";

type Step = {
  uses?: string;
  run?: string;
  if?: string;
  with?: Record<string, unknown>;
  env?: Record<string, string>;
};
type Job = {
  needs?: string;
  if?: string;
  environment?: string;
  concurrency?: object;
  permissions?: object;
  steps: Step[];
  "timeout-minutes": number;
};
type Workflow = { on: Record<string, unknown>; permissions: object; jobs: Record<string, Job> };

const text = deployWorkflow({
  stack: "fkod",
  environments: ["staging", "production"],
  application: "stacks/fkod/api",
});
const workflow = parse(text) as Workflow;

it("checks, deploys staging, then production with a canary, one at a time", () => {
  expect(Object.keys(workflow.jobs)).toEqual(["checks", "staging", "production"]);
  expect(workflow.jobs.staging?.needs).toBe("checks");
  expect(workflow.jobs.production?.needs).toBe("staging");
  for (const name of ["staging", "production"]) {
    const job = workflow.jobs[name] as Job;
    expect(job.environment).toBe(name);
    expect(job.concurrency).toEqual({ group: `plimsoll-fkod-${name}`, "cancel-in-progress": false });
    // A pull request, from whoever, gets no key.
    expect(job.if).toContain("github.event_name != 'pull_request'");
  }
  const runs = (name: string) => workflow.jobs[name]?.steps.map(({ run }) => run).join("\n");
  expect(runs("staging")).toContain("npx plimsoll deploy staging --stack fkod --yes");
  expect(runs("production")).toContain("npx plimsoll canary start production --stack fkod --yes");
  expect(runs("checks")).toContain("npx plimsoll generate fkod --check");
});

it("may read the repository and nothing else, with actions pinned to a commit", () => {
  expect(workflow.permissions).toEqual({ contents: "read" });
  for (const job of Object.values(workflow.jobs)) {
    expect(job.permissions).toBeUndefined();
    expect(job["timeout-minutes"]).toBeGreaterThan(0);
    for (const { uses } of job.steps)
      if (uses) expect(uses).toMatch(/^actions\/(checkout|setup-node)@[0-9a-f]{40}$/);
  }
  expect(text).toMatch(/uses: actions\/checkout@[0-9a-f]{40} # v6\.0\.2\n/);
});

it("hands secrets to one step, by its environment, and checks the host's key", () => {
  for (const [name, job] of Object.entries(workflow.jobs)) {
    for (const step of job.steps) {
      // An expression within a script would be text of the script.
      expect(step.run ?? "", name).not.toContain("${{");
      if (step.env) expect(Object.keys(step.env)).toEqual(["DEPLOY_KEY", "KNOWN_HOSTS"]);
    }
  }
  expect(text).toContain("StrictHostKeyChecking yes");
  expect(text).not.toContain("ssh-keyscan");
  expect(workflow.jobs.production?.steps.at(-1)).toMatchObject({
    if: "always()",
    run: "rm -f ~/.ssh/id_plimsoll",
  });
  expect(workflow.jobs.production?.steps[0]?.with).toEqual({ "persist-credentials": false });
});

it("is written without aliases and folded lines, which linters and people trip over", () => {
  expect(text).not.toMatch(/[&*]a\d|run: >/);
});

it("leaves out what a stack has not", () => {
  const small = parse(deployWorkflow({ stack: "hello", environments: ["production"] })) as Workflow;
  expect(Object.keys(small.jobs)).toEqual(["checks", "production"]);
  expect(small.jobs.production?.needs).toBe("checks");
  expect(small.jobs.checks?.steps.some((step) => step.run?.includes("npm test"))).toBe(false);
});
