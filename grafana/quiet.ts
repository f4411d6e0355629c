/**
 * Panels with a query that finds nothing while all is well, or in a stack of that kind, and why. All others must
 * find something in a stack that has run under load for some minutes: the end-to-end tests ask.
 */
import type { DashboardStem } from "./stems.ts";

export const quietPanels: Readonly<Partial<Record<DashboardStem, Readonly<Record<string, string>>>>> = {
  overview: {
    "Firing alerts": "nothing fires",
    "How much of each promise is used":
      "recorded over minutes to days; cache and archive only after their first use",
    Data: "one node has no replica",
  },
  objectives: {
    "Promises in danger": "nothing fires",
    "At this pace it lasts": "nothing failed in the last hour",
  },
  edge: {
    "Failed and refused by status": "nothing failed",
    "Tried again": "nothing failed",
  },
  api: {
    "Waiting for the pool": "the application has no pool, or calls its gauges otherwise",
    "In use": "the application has no pool, or calls its gauges otherwise",
    Waiting: "the application has no pool, or calls its gauges otherwise",
  },
  postgres: {
    "Replica behind": "one node has no replica",
    "Replica behind, by node": "one node has no replica",
    "Log kept for the replica": "one node has no replica",
    "Waiting for the archive": "the stack has no backups",
  },
  backup: {
    "Oldest of the newest": "no backup was made yet",
    "Age against the schedule": "no backup was made yet",
    Age: "no backup was made yet",
    "Reaches back": "no backup was made yet",
    "Last try": "no backup was tried yet",
    Proven: "no backup was verified yet",
    "Proven, against the schedule": "no backup was verified yet",
    "Last drill": "no drill was held yet",
    "Drills, against the schedule": "no drill was held yet",
    Size: "no backup was made yet",
    Kept: "no backup was made yet",
    Repositories: "no repository was counted yet",
    Repository: "no repository was counted yet",
    Behind: "no copy is kept warm (dr.follow)",
    "Last word": "no copy is kept warm (dr.follow)",
    "Waiting for the archive": "no WAL was archived yet",
    Waiting: "no WAL was archived yet",
  },
  redis: {
    "Resident against used": "less than 64 MB is used",
    "Cache hits": "nothing was read",
    Hits: "nothing was read",
  },
  host: {
    "Disk full in": "it is known after an hour",
    "Waits at its CPU limit": "containers are not watched (monitoring.containers)",
    "Started, and killed for memory": "nothing was started again, and nothing was killed",
  },
  logs: {
    Firing: "nothing fires",
  },
  prometheus: {
    Firing: "nothing fires",
  },
};
