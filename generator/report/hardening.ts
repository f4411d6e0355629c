/** docs/hardening.md: every service against every column, and each cell that is not kept with its reason. */
import type { Plan } from "../plan/plan.ts";

const COLUMNS: readonly [name: string, kept: (service: Plan["services"][string]) => boolean | "job"][] = [
  ["healthcheck", ({ compose, oneShot }) => (oneShot ? "job" : compose.healthcheck !== undefined)],
  ["memory", ({ compose }) => Number.parseInt(compose.mem_limit, 10) > 0],
  ["CPU", ({ compose }) => compose.cpus > 0],
  ["pids", ({ compose }) => compose.pids_limit > 0],
  ["read-only root", ({ compose }) => compose.read_only],
  ["no capabilities", ({ compose }) => compose.cap_drop.includes("ALL") && !compose.cap_add?.length],
  ["no new privileges", ({ compose }) => compose.security_opt.includes("no-new-privileges:true")],
  ["own user", ({ compose }) => /^[1-9]/.test(compose.user)],
  ["log rotation", ({ compose }) => compose.logging.options["max-size"] !== undefined],
  ["restart", ({ compose, oneShot }) => (oneShot ? "job" : compose.restart !== "no")],
  ["grace period", ({ compose }) => compose.stop_grace_period !== undefined],
];

export function hardeningPage(plan: Plan): string {
  const services = Object.entries(plan.services);
  const cell = (kept: boolean | "job") => (kept === "job" ? "ends" : kept ? "✓" : "**no**");
  const rows = services.map(
    ([name, service]) => `| ${name} | ${COLUMNS.map(([, kept]) => cell(kept(service))).join(" | ")} |`,
  );
  const share = COLUMNS.map(([, kept]) => {
    const count = services.filter(([, service]) => kept(service) !== false).length;
    return `${Math.floor((100 * count) / services.length)}%`;
  });
  const reasons = services.flatMap(([name, { exceptions }]) =>
    Object.entries(exceptions).map(([column, why]) => `- **${name}**, ${column}: ${why}`),
  );
  return `# Hardening

Made from the plan of ${plan.name}'s ${plan.environment}; the contract test asserts it for every service of every
environment, and the end-to-end tests read it back from the kernel: limits, capabilities, seccomp, read-only root.

| service | ${COLUMNS.map(([name]) => name).join(" | ")} |
| --- | ${COLUMNS.map(() => "---").join(" | ")} |
${rows.join("\n")}
| **of ${services.length}** | ${share.join(" | ")} |

*ends*: a job that runs once at a start; its end is what others wait for.

Also on every one: an exact image version or a build whose tag is the hash of its folder, \`depends_on\` with a condition,
secrets as files, no privileged container, no Docker socket, networks of data without a way out. Only nginx is published;
admin pages are bound to 127.0.0.1.

blackbox-exporter is in the networks monitoring and data, and in egress where the public address is asked
(\`monitoring.blackbox.public\`): whoever reaches its port within the stack can have addresses asked, inside and out.

## What is not kept, and why

${reasons.length > 0 ? reasons.join("\n") : "Nothing."}
`;
}
