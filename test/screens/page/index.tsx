/** The page of one dashboard: `/?stem=overview&range=30m`. Says in `window.picture` when it stands, and what is on it. */
import { ThemeContext } from "@grafana/data";
import { initPluginTranslations } from "@grafana/i18n";
import { GlobalStyles } from "@grafana/ui";
import { createRoot } from "react-dom/client";
import { type Finished, type FinishedPanel, isRow } from "../../../grafana/library/finish.ts";
import type { Picture, Served } from "../picture.ts";
import { Board, widthOf } from "./board.tsx";
import { registerOptions } from "./field-options.ts";
import { type Filled, fill, isEmpty, theme } from "./panel.tsx";
import { rangeUntil } from "./time.ts";
import "@fontsource/inter/400.css";
import "@fontsource/inter/500.css";
import "@fontsource/roboto-mono/400.css";

const TYPEFACES = ["400 14px Inter", "500 14px Inter", "400 14px Roboto Mono"];

const given = new URLSearchParams(location.search);

async function draw(): Promise<void> {
  await initPluginTranslations("plimsoll");
  registerOptions();
  // Or text is measured in another typeface, and the size chosen for it does not fit.
  await Promise.all(TYPEFACES.map((face) => document.fonts.load(face)));
  const { dashboard, reasons } = (await (await fetch(`/dashboards/${given.get("stem")}`)).json()) as Served;
  const page = document.documentElement.clientWidth;
  const asking = {
    range: rangeUntil(Date.now(), given.get("range") ?? lookBack(dashboard)),
    pickers: (dashboard.templating?.list ?? []).map(({ name }) => name),
    scrape: given.get("scrape") ?? "15s",
  };
  const panels = dashboard.panels.filter((panel) => !isRow(panel)) as FinishedPanel[];
  const filled = new Map<number, Filled>();
  for (const panel of panels)
    filled.set(panel.id, await fill(panel, { ...asking, width: widthOf(panel.gridPos.w, page) }));
  const picture: Picture = { panels: [] };
  for (const panel of panels) {
    const found = filled.get(panel.id) as Filled;
    const title = panel.title ?? "";
    if (found.error) picture.panels.push({ title, state: "failed", why: found.error });
    else if (isEmpty(found)) picture.panels.push({ title, state: "empty", why: reasons[panel.id] });
    else picture.panels.push({ title, state: "shown" });
  }
  const failed = ({ title }: FinishedPanel, why: string) => {
    const seen = picture.panels.find((one) => one.title === title);
    if (seen) Object.assign(seen, { state: "failed", why });
  };
  createRoot(document.getElementById("root") as HTMLElement).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Board {...{ dashboard, filled, asking, page, reasons, failed }} />
    </ThemeContext.Provider>,
  );
  // Charts measure themselves and are drawn again.
  setTimeout(() => Object.assign(window, { picture }), 1500);
}

function lookBack({ time }: Finished): string {
  return (time?.from ?? "now-3h").replace("now-", "");
}

draw().catch((error) =>
  Object.assign(window, { picture: { panels: [], error: String(error.stack ?? error) } }),
);
