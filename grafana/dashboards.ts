/** Every dashboard by its stem. */
import { api } from "./builders/api.ts";
import { backup } from "./builders/backup.ts";
import { business } from "./builders/business.ts";
import { certificates } from "./builders/certificates.ts";
import { edge } from "./builders/edge.ts";
import { host } from "./builders/host.ts";
import { logs } from "./builders/logs.ts";
import { objectives } from "./builders/objectives.ts";
import { overview } from "./builders/overview.ts";
import { postgres } from "./builders/postgres.ts";
import { prometheus } from "./builders/prometheus.ts";
import { redis } from "./builders/redis.ts";
import { release } from "./builders/release.ts";
import type { Finished } from "./library/finish.ts";
import type { DashboardStem } from "./stems.ts";

export const dashboards: Readonly<Record<DashboardStem, () => Finished>> = {
  overview,
  objectives,
  release,
  edge,
  certificates,
  api,
  business,
  postgres,
  backup,
  redis,
  host,
  logs,
  prometheus,
};
