/** Figures of the business, from counters that the application has anyway: what they are to reach. */
import { z } from "zod";
import { Between } from "./words.ts";

const Metric = z
  .string()
  .regex(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,199}$/, { error: "expected the name of a metric: shop_orders_total" });

const KINDS = ["counter", "average", "nps"] as const;

export const BusinessTarget = z
  .strictObject({
    title: z
      .string()
      .regex(/^[\p{L}\p{N}][\p{L}\p{N} %()-]{0,59}$/u, {
        error: "expected 1 to 60 letters, digits and spaces: Orders of new customers",
      })
      .optional()
      .describe("What people call it; its name here if absent"),
    counter: Metric.optional().describe(
      "A counter of the application: what all its processes counted within `per`",
    ),
    average: Metric.optional().describe(
      "A histogram or summary of the application: the mean of what it observed within `per`",
    ),
    nps: Metric.optional().describe(
      "A counter of answers with a label kind (promoter, passive, detractor): the net promoter score, -100 to 100",
    ),
    at_least: z.number().min(-100).describe("What it is to reach; below that is an alert"),
    per: Between(3600, 30 * 86_400)
      .prefault("1d")
      .describe("Over how long it is counted, 1h to 30d; a stack that is younger is not judged"),
  })
  .refine((target) => KINDS.filter((kind) => target[kind] !== undefined).length === 1, {
    error: "expected one of counter, average and nps: counter: shop_orders_total",
  });
export type BusinessTarget = z.output<typeof BusinessTarget>;
