import { expect, it } from "vitest";
import { checklistPage } from "./document.ts";
import { groupOf, groups } from "./item.ts";
import { items } from "./list.ts";

it("docs/checklist.md is current (npx vitest run --project unit operator/checks -u refreshes it)", async () => {
  await expect(checklistPage(items)).toMatchFileSnapshot("../../docs/checklist.md");
});

/** The deployment plan's checklists, line by line, and which item each became. */
const PLAN: Record<string, string> = {
  "all tests pass": "code.tests",
  "coverage > 80%": "code.coverage",
  "no console errors or warnings": "code.console",
  "ESLint passes": "code.lint",
  "TypeScript strict": "code.types",
  "no hard-coded secrets": "code.secrets",
  "no SQL injection": "security.sql",
  "no XSS": "security.xss",
  "CORS configured": "security.cors",
  "rate limiting": "security.rate-limit",
  "input validation on all endpoints": "security.input",
  "password hashing (bcryptjs)": "security.passwords",
  "JWT expiry set": "security.jwt-expiry",
  "HTTPS enforced": "security.https",
  "queries optimised": "performance.queries",
  "indexes created": "performance.indexes",
  "caching in place": "performance.cache",
  "API p95 < 200 ms": "performance.p95",
  "front-end bundle < 500 KB": "performance.bundle",
  "Lighthouse > 90": "performance.lighthouse",
  "environment variables": "infrastructure.environment",
  "database backups": "infrastructure.backups",
  "TLS certificates": "infrastructure.certificate",
  monitoring: "infrastructure.monitoring",
  logging: "infrastructure.logging",
  "error tracking": "infrastructure.errors",
  CDN: "infrastructure.cdn",
  "API documentation": "documentation.api",
  "deployment guide": "documentation.guide",
  runbook: "documentation.runbook",
  "incident response plan": "documentation.incidents",
  "team trained": "documentation.team",
  "final code review": "before.review",
  tests: "before.tests",
  "database backup taken": "before.backup",
  "team notified": "before.team",
  "runbook reviewed": "before.runbook",
  "rollback plan ready": "before.rollback",
  "monitoring configured": "before.monitoring",
  "on-call engineer assigned": "before.on-call",
  timeline: "before.timeline",
  start: "day.start",
  logs: "day.logs",
  metrics: "day.metrics",
  "smoke tests": "day.smoke",
  features: "day.features",
  "error rates": "day.errors",
  performance: "day.performance",
  feedback: "day.feedback",
  "watch for 24 hours": "after.watch",
  "metrics, after": "after.metrics",
  "verify backups": "after.backups",
  "document issues": "after.issues",
  "uptime > 99.9%": "technical.uptime",
  "p95 < 200 ms": "technical.p95",
  "errors < 0.1%": "technical.errors",
  "database latency < 100 ms": "technical.database",
  "cache hit rate > 80%": "technical.cache",
  "registrations > 100 a day": "business.registrations",
  "course enrolments > 50 a day": "business.enrolments",
  "mentor matches > 20 a day": "business.matches",
  "satisfaction > 4.5 of 5": "business.satisfaction",
  "NPS > 50": "business.nps",
};

it("has every line of the plan", () => {
  const ids = new Set(items.map(({ id }) => id));
  expect(Object.entries(PLAN).filter(([, id]) => !ids.has(id))).toEqual([]);
});

it("has each id once, in a group that is known", () => {
  expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
  expect(items.filter(({ id }) => groups[groupOf(id)] === undefined)).toEqual([]);
});
