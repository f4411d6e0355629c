/** What the page and the program that opens it say to each other. */
import type { Finished } from "../../grafana/library/finish.ts";

export type Served = {
  dashboard: Finished;
  /** Why a panel may be empty, by its id. */
  reasons: Readonly<Record<string, string>>;
};

export type Seen = { title: string; state: "shown" | "empty" | "failed"; why?: string | undefined };

export type Picture = { panels: Seen[]; error?: string };
