/**
 * What Kibana is given to begin with: a data view, saved searches, and a dashboard of them. As Kibana's own sample data has
 * them (src/platform/plugins/shared/home/server/services/sample_data): an older form, which each Kibana since migrates.
 */

const DATA_VIEW = { type: "index-pattern", id: "logs-plimsoll" } as const;

type Reference = { name: string; type: string; id: string };
export type SavedObject = {
  type: "index-pattern" | "search" | "dashboard";
  id: string;
  attributes: Readonly<Record<string, unknown>>;
  references: readonly Reference[];
  coreMigrationVersion: string;
  typeMigrationVersion: string;
};

type Search = { id: string; title: string; query: string; columns: readonly string[] };

const SEARCHES = [
  {
    id: "plimsoll-errors",
    title: "Errors of every service",
    query: "log.level: (error or fatal)",
    columns: ["service.name", "log.level", "message", "http.request.id"],
  },
  {
    id: "plimsoll-error-groups",
    title: "Errors by what they are",
    query: "error.grouping_key: *",
    columns: [
      "error.grouping_name",
      "service.name",
      "service.version",
      "error.grouping_key",
      "http.request.id",
      "trace.id",
    ],
  },
  {
    id: "plimsoll-requests",
    title: "Requests that failed",
    query: "http.response.status_code >= 500",
    columns: [
      "service.name",
      "http.request.id",
      "http.request.method",
      "url.path",
      "http.response.status_code",
      "event.duration",
    ],
  },
  {
    id: "plimsoll-slow-requests",
    title: "Requests above one second",
    query: "service.name: nginx and event.duration > 1000000000",
    columns: [
      "http.request.id",
      "http.request.method",
      "url.path",
      "http.response.status_code",
      "event.duration",
    ],
  },
  {
    id: "plimsoll-database",
    title: "What PostgreSQL says",
    query: "event.module: postgres and log.level: (warn or error or fatal)",
    columns: ["service.name", "log.level", "message", "postgresql.log.database", "postgresql.log.query"],
  },
  {
    id: "plimsoll-slow-statements",
    title: "Slow statements",
    query: "event.module: postgres and event.duration > 0",
    columns: ["service.name", "event.duration", "postgresql.log.query", "postgresql.log.database"],
  },
  {
    id: "plimsoll-backups",
    title: "Backups",
    query: "service.name: backup*",
    columns: ["service.name", "log.level", "process.command_line", "message"],
  },
  {
    id: "plimsoll-unread",
    title: "Lines no parser could read",
    query: "tags: _parse_failure",
    columns: ["service.name", "event.module", "message"],
  },
] as const satisfies readonly Search[];

/** Of Kibana's 48 columns. */
type Panel = { width: 24 | 48; height: number } & (
  | { search: (typeof SEARCHES)[number]["id"] }
  | { title: string; query: string; by: string }
);

const PANELS: readonly Panel[] = [
  { title: "Lines by service", query: "", by: "service.name", width: 24, height: 12 },
  {
    title: "Errors by service",
    query: "log.level: (error or fatal)",
    by: "service.name",
    width: 24,
    height: 12,
  },
  { search: "plimsoll-error-groups", width: 48, height: 16 },
  { search: "plimsoll-errors", width: 48, height: 16 },
  { search: "plimsoll-requests", width: 24, height: 14 },
  { search: "plimsoll-slow-requests", width: 24, height: 14 },
  { search: "plimsoll-database", width: 24, height: 14 },
  { search: "plimsoll-slow-statements", width: 24, height: 14 },
  { search: "plimsoll-backups", width: 24, height: 12 },
  { search: "plimsoll-unread", width: 24, height: 12 },
];

export function savedObjects(): SavedObject[] {
  return [
    object(
      DATA_VIEW.type,
      DATA_VIEW.id,
      { title: "logs-plimsoll-*", name: "Logs", timeFieldName: "@timestamp", allowNoIndex: true },
      [],
      "8.0.0",
    ),
    ...SEARCHES.map(search),
    dashboard(),
  ];
}

function object(
  type: SavedObject["type"],
  id: string,
  attributes: SavedObject["attributes"],
  references: readonly Reference[],
  typeMigrationVersion: string,
): SavedObject {
  return { type, id, attributes, references, coreMigrationVersion: "8.8.0", typeMigrationVersion };
}

function search({ id, title, query, columns }: Search): SavedObject {
  const name = "kibanaSavedObjectMeta.searchSourceJSON.index";
  return object(
    "search",
    id,
    {
      title,
      description: "",
      columns,
      sort: [["@timestamp", "desc"]],
      kibanaSavedObjectMeta: {
        searchSourceJSON: JSON.stringify({
          query: { query, language: "kuery" },
          filter: [],
          indexRefName: name,
        }),
      },
    },
    [{ name, ...DATA_VIEW }],
    "8.0.0",
  );
}

function dashboard(): SavedObject {
  const panels: object[] = [];
  const references: Reference[] = [];
  let x = 0;
  let y = 0;
  for (const [index, panel] of PANELS.entries()) {
    const i = String(index + 1);
    const gridData = { x, y, w: panel.width, h: panel.height, i };
    x = (x + panel.width) % 48;
    if (x === 0) y += panel.height;
    const common = { version: "8.8.0", gridData, panelIndex: i };
    if ("search" in panel) {
      // A reference that is a panel's begins with the panel's index.
      references.push({ name: `${i}:panel_${i}`, type: "search", id: panel.search });
      panels.push({ ...common, type: "search", embeddableConfig: {}, panelRefName: `panel_${i}` });
    } else {
      const attributes = bars(panel.query, panel.by);
      references.push(...attributes.references.map((one) => ({ ...one, name: `${i}:${one.name}` })));
      panels.push({ ...common, type: "lens", embeddableConfig: { attributes }, title: panel.title });
    }
  }
  return object(
    "dashboard",
    "plimsoll-logs",
    {
      title: "Logs of the stack",
      description: "How much each service says, what fails, what is slow, and what no parser could read",
      kibanaSavedObjectMeta: {
        searchSourceJSON: JSON.stringify({ query: { query: "", language: "kuery" }, filter: [] }),
      },
      timeRestore: true,
      timeFrom: "now-24h",
      timeTo: "now",
      refreshInterval: { pause: true, value: 60_000 },
      optionsJSON: JSON.stringify({ useMargins: true, hidePanelTitles: false }),
      panelsJSON: JSON.stringify(panels),
      version: 1,
    },
    references,
    "8.7.0",
  );
}

/** Lines over time in stacked bars, as Lens keeps them within a dashboard. */
function bars(query: string, by: string) {
  const layer = "lines";
  return {
    title: "",
    visualizationType: "lnsXY",
    type: "lens",
    references: [{ name: `indexpattern-datasource-layer-${layer}`, ...DATA_VIEW }],
    state: {
      visualization: {
        legend: { isVisible: true, position: "right" },
        valueLabels: "hide",
        preferredSeriesType: "bar_stacked",
        layers: [
          {
            layerId: layer,
            layerType: "data",
            seriesType: "bar_stacked",
            xAccessor: "time",
            splitAccessor: "by",
            accessors: ["count"],
          },
        ],
      },
      query: { query, language: "kuery" },
      filters: [],
      datasourceStates: {
        formBased: {
          layers: {
            [layer]: {
              columns: {
                by: {
                  label: by,
                  dataType: "string",
                  operationType: "terms",
                  scale: "ordinal",
                  sourceField: by,
                  isBucketed: true,
                  params: {
                    size: 9,
                    orderBy: { type: "column", columnId: "count" },
                    orderDirection: "desc",
                    otherBucket: true,
                    missingBucket: false,
                  },
                },
                time: {
                  label: "@timestamp",
                  dataType: "date",
                  operationType: "date_histogram",
                  scale: "interval",
                  sourceField: "@timestamp",
                  isBucketed: true,
                  params: { interval: "auto", includeEmptyRows: true, dropPartials: false },
                },
                count: {
                  label: "Lines",
                  customLabel: true,
                  dataType: "number",
                  operationType: "count",
                  scale: "ratio",
                  sourceField: "___records___",
                  isBucketed: false,
                  params: { emptyAsNull: true },
                },
              },
              columnOrder: ["by", "time", "count"],
              incompleteColumns: {},
            },
          },
        },
      },
      internalReferences: [],
      adHocDataViews: {},
    },
  };
}
