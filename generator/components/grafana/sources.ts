/** Provisioned data sources: `apiVersion: 1` of Grafana's provisioning. Dashboards name them by uid. */

/** The secret with the password of a user that may read the logs and nothing else. */
export const ELASTIC_PASSWORD = "elk_grafana_password";

export type Sources = {
  /** Between two scrapes: `$__rate_interval` is four of them, so that a rate never falls between two. */
  interval: string;
  elastic: boolean;
  /** The page of a trace, with {trace} for its id. */
  view: string | undefined;
};

export function dataSources({ interval, elastic, view }: Sources) {
  return {
    apiVersion: 1,
    // A source that is gone from this file is gone from Grafana.
    prune: true,
    datasources: [
      {
        name: "Prometheus",
        uid: "prometheus",
        type: "prometheus",
        access: "proxy",
        url: "http://prometheus:9090",
        isDefault: true,
        editable: false,
        jsonData: {
          httpMethod: "POST",
          prometheusType: "Prometheus",
          timeInterval: interval,
          manageAlerts: false,
          ...(view !== undefined && { exemplarTraceIdDestinations: [traceLink(view)] }),
        },
      },
      ...(elastic ? [elasticsearch()] : []),
    ],
  };
}

/** `$$` is a dollar in these files: Grafana puts the value in when somebody clicks, and not when it reads them. */
function traceLink(view: string) {
  return {
    name: "trace_id",
    url: view.replaceAll("{trace}", () => "$${__value.raw}"),
    urlDisplayLabel: "Trace",
  };
}

function elasticsearch() {
  return {
    name: "Elasticsearch",
    uid: "elasticsearch",
    type: "elasticsearch",
    access: "proxy",
    url: "http://elasticsearch:9200",
    editable: false,
    basicAuth: true,
    basicAuthUser: "grafana_reader",
    // Expanded by Grafana when it reads this file; the password itself is in no file of ours.
    secureJsonData: { basicAuthPassword: `$__file{/run/secrets/${ELASTIC_PASSWORD}}` },
    jsonData: {
      index: "logs-plimsoll-*",
      timeField: "@timestamp",
      logMessageField: "message",
      logLevelField: "log.level",
      maxConcurrentShardRequests: 5,
    },
  };
}
