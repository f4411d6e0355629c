/**
 * A picture of every dashboard, as Grafana's own components draw it from a running Prometheus:
 * `npx tsx test/screens/index.ts --prometheus http://127.0.0.1:9090 --out FOLDER [--range 30m] [--only overview]`.
 * Exits with 1 where a panel could not be drawn, or is empty without a reason that is known beforehand.
 */
import { parseArgs } from "node:util";
import type { DashboardStem } from "../../grafana/stems.ts";
import { report } from "./report.ts";
import { takePictures } from "./take.ts";

const { values } = parseArgs({
  options: {
    prometheus: { type: "string", default: "http://127.0.0.1:9090" },
    out: { type: "string" },
    range: { type: "string" },
    scrape: { type: "string", default: "15s" },
    width: { type: "string", default: "1400" },
    only: { type: "string", multiple: true },
  },
});
if (!values.out) throw new Error("--out FOLDER is needed: it gets the pictures");
const pictures = await takePictures({
  ...values,
  folder: values.out,
  width: Number(values.width),
  ...(values.only && { stems: values.only as DashboardStem[] }),
});
process.exitCode = report(pictures) ? 0 : 1;
