/** Figures that a job leaves behind as text files in Prometheus's format, for node-exporter to read. */
import { mountVolume } from "../component.ts";

/** The volume, as the services' figures and node-exporter know it. */
export const TEXT_FILES = "metrics";

/** Where a service writes `NAME.prom`, by a rename. */
export const mountTextFiles = () => mountVolume(TEXT_FILES, "/metrics");

/** Why nothing scrapes such a service. */
export const WRITES_TEXT_FILES = `writes its figures for node-exporter to read (volume ${TEXT_FILES})`;
