/** Kibana's settings. Secrets are variables that its start script reads from files. */
import { MiB } from "../../spec/words.ts";
import type { Context, File, Grants } from "../component.ts";
import { savedObjects } from "./saved-objects.ts";

/** V8's old space: what is left is for its young space, buffers and native code. MiB. */
export function kibanaOldSpace(grants: Grants): number {
  return Math.floor((grants.service("kibana").memory * 0.7) / MiB);
}

export function kibanaFiles(port: number, context: Context): File[] {
  const variable = (name: string) => `\${${name}}`;
  return [
    {
      path: "elk/kibana/kibana.yml",
      restarts: ["kibana"],
      content: {
        yaml: {
          "server.name": `${context.spec.name}-${context.environment}`,
          "server.host": "0.0.0.0",
          "server.port": 5601,
          "server.publicBaseUrl": `http://127.0.0.1:${port}`,
          "server.shutdownTimeout": "20s",
          "elasticsearch.hosts": ["http://elasticsearch:9200"],
          "elasticsearch.username": "kibana_system",
          "elasticsearch.password": variable("PLIMSOLL_KIBANA_PASSWORD"),
          "xpack.encryptedSavedObjects.encryptionKey": variable("PLIMSOLL_ENCRYPTION_KEY"),
          "xpack.security.encryptionKey": variable("PLIMSOLL_SECURITY_KEY"),
          "xpack.reporting.enabled": false,
          "xpack.fleet.isAirGapped": true,
          "telemetry.optIn": false,
          "telemetry.allowChangingOptInStatus": false,
          "newsfeed.enabled": false,
          "map.includeElasticMapsService": false,
          "logging.appenders.console": { type: "console", layout: { type: "json" } },
          "logging.root": { appenders: ["console"], level: "info" },
        },
      },
    },
    {
      path: "elk/kibana-objects/saved-objects.ndjson",
      // It gives them to Kibana once in each of its lives.
      restarts: ["elastic-keeper"],
      content: {
        text: savedObjects()
          .map((object) => `${JSON.stringify(object)}\n`)
          .join(""),
      },
    },
  ];
}
