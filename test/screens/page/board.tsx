/** A whole dashboard in Grafana's grid: 24 columns, rows of 30 pixels, 8 pixels between them. */
import type { CSSProperties } from "react";
import { type Finished, type FinishedPanel, isRow } from "../../../grafana/library/finish.ts";
import type { Asking } from "./ask.ts";
import { type Filled, Panel, theme } from "./panel.tsx";

const COLUMNS = 24;
const ROW = 30;
const GAP = 8;
const EDGE = 16;

/** Pixels of this many columns of a page. */
export function widthOf(columns: number, page: number): number {
  return Math.round(columns * columnOf(page) - GAP);
}

/** A column with the gap after it. */
function columnOf(page: number): number {
  return (page - 2 * EDGE + GAP) / COLUMNS;
}

function heightOf(rows: number): number {
  return rows * ROW + (rows - 1) * GAP;
}

export type BoardProps = {
  dashboard: Finished;
  filled: ReadonlyMap<number, Filled>;
  asking: Omit<Asking, "width">;
  page: number;
  reasons: Readonly<Record<string, string>>;
  failed: (panel: FinishedPanel, error: string) => void;
};

export function Board({ dashboard, filled, asking, page, reasons, failed }: BoardProps) {
  const rows = Math.max(...dashboard.panels.map(({ gridPos }) => (gridPos?.y ?? 0) + (gridPos?.h ?? 1)));
  const grid: CSSProperties = {
    position: "relative",
    height: heightOf(rows),
    margin: `0 ${EDGE}px ${EDGE}px`,
  };
  return (
    <>
      <Heading dashboard={dashboard} raw={asking.range.raw.from.toString()} />
      <div style={grid}>
        {dashboard.panels.map((panel) => {
          const { x, y, w, h } = panel.gridPos ?? { x: 0, y: 0, w: COLUMNS, h: 1 };
          const place: CSSProperties = {
            position: "absolute",
            left: Math.round(x * columnOf(page)),
            top: y * (ROW + GAP),
          };
          const width = widthOf(w, page);
          const found = filled.get(panel.id);
          return (
            <div key={panel.id} style={place}>
              {isRow(panel) || !found ? (
                <RowTitle title={panel.title ?? ""} />
              ) : (
                <Panel
                  {...asking}
                  panel={panel as FinishedPanel}
                  filled={found}
                  width={width}
                  height={heightOf(h)}
                  reason={reasons[panel.id]}
                  failed={(error) => failed(panel as FinishedPanel, error)}
                />
              )}
            </div>
          );
        })}
      </div>
    </>
  );
}

function Heading({ dashboard, raw }: { dashboard: Finished; raw: string }) {
  const pickers = (dashboard.templating?.list ?? []).map(({ name, label }) => `${label ?? name}: All`);
  return (
    <div style={{ display: "flex", gap: 24, padding: `12px ${EDGE}px`, color: theme.colors.text.secondary }}>
      <strong style={{ color: theme.colors.text.primary }}>{dashboard.title}</strong>
      {pickers.map((picker) => (
        <span key={picker}>{picker}</span>
      ))}
      <span style={{ marginLeft: "auto" }}>{raw} to now, UTC</span>
    </div>
  );
}

function RowTitle({ title }: { title: string }) {
  return (
    <div style={{ lineHeight: `${ROW}px`, fontWeight: 500, fontSize: 18, whiteSpace: "nowrap" }}>{title}</div>
  );
}
