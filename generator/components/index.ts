/** The only list of components. Adding one adds its files and a line here. */
import { alertmanager } from "./alertmanager.ts";
import { api } from "./api.ts";
import { backup } from "./backup.ts";
import { blackbox } from "./blackbox.ts";
import { certificates } from "./certificates.ts";
import type { Component } from "./component.ts";
import { containers } from "./containers.ts";
import { elk } from "./elk.ts";
import { grafana } from "./grafana.ts";
import { nginx } from "./nginx.ts";
import { nodeExporter } from "./node-exporter.ts";
import { postgres } from "./postgres.ts";
import { prometheus } from "./prometheus.ts";
import { redis } from "./redis.ts";
import { statusPage } from "./status-page.ts";

export const components: readonly Component[] = [
  nginx,
  certificates,
  api,
  postgres,
  redis,
  backup,
  prometheus,
  alertmanager,
  nodeExporter,
  containers,
  blackbox,
  grafana,
  statusPage,
  elk,
];
