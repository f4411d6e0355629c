/**
 * What the SDK leaves open (0.0.21): ids of panels and rows, refIds of targets, the data source of each. And what it
 * says too much: that links and markers belong into a closed menu.
 */
import type { Dashboard, Panel, RowPanel } from "@grafana/grafana-foundation-sdk/dashboard";

export type DataSource = { type: string; uid: string };

export type FinishedTarget = { refId: string; datasource: DataSource; expr: string; legendFormat: string };

/** Panels that say all that Grafana needs to know. */
export type FinishedPanel = Omit<Panel, "id" | "targets" | "datasource" | "gridPos"> & {
  id: number;
  targets: FinishedTarget[];
  datasource: DataSource;
  gridPos: { x: number; y: number; w: number; h: number };
};
export type FinishedRow = RowPanel & { id: number };
export type Finished = Omit<Dashboard, "panels"> & { panels: (FinishedPanel | FinishedRow)[] };

export function isRow(panel: Panel | RowPanel | FinishedPanel | FinishedRow): panel is FinishedRow {
  return panel.type === "row";
}

export function finish(dashboard: Dashboard, datasource: DataSource): Finished {
  const panels = (dashboard.panels ?? []).map((panel, index) => {
    const id = index + 1;
    if (isRow(panel)) return { ...panel, id, collapsed: false };
    const targets = (panel.targets ?? []).map((target, at) => {
      if (at > 25) throw new Error(`${panel.title}: more targets than letters`);
      return { ...target, refId: String.fromCharCode(65 + at), datasource: { ...datasource } };
    });
    const links = panel.links?.map(({ placement: _, ...link }) => link);
    return { ...panel, id, targets, datasource: { ...datasource }, ...(links && { links }) };
  });
  const links = (dashboard.links ?? []).map(({ placement: _, ...link }) => link);
  const annotations = {
    list: (dashboard.annotations?.list ?? []).map(({ placement: _, ...marker }) => marker),
  };
  return { ...dashboard, annotations, links, panels } as Finished;
}
