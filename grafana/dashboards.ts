/** Every dashboard by its stem. */
import { api } from "./builders/api.ts";
import { backup } from "./builders/backup.ts";
import { business } from "./builders/business.ts";
import { certificates } from "./builders/certificates.ts";
import { edge } from "./builders/edge.ts";
import { host } from "./builders/host.ts";
import { overview } from "./builders/overview.ts";
import { postgres } from "./builders/postgres.ts";
import { prometheus } from "./builders/prometheus.ts";
import { redis } from "./builders/redis.ts";
import type { Finished } from "./library/finish.ts";
import type { DashboardStem } from "./stems.ts";

export const dashboards: Readonly<Record<DashboardStem, () => Finished>> = {
  overview,
  edge,
  certificates,
  api,
  business,
  postgres,
  backup,
  redis,
  host,
  prometheus,
};
