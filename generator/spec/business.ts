/** Figures of the business, from counters that the application has anyway: what they are to reach. */
import { z } from "zod";
import { Between } from "./words.ts";

const Metric = z
  .string()
  .regex(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,199}$/, { error: "expected the name of a metric: shop_orders_total" });

const KINDS = ["counter", "average", "promql"] as const;

export const BusinessTarget = z
  .strictObject({
    title: z
      .string()
      .regex(/^[^\p{C}"\\]{1,60}$/u, { error: "expected 1 to 60 characters on one line, without quotes" })
      .optional()
      .describe("What people call it; its name here if absent"),
    counter: Metric.optional().describe(
      "A counter of the application: what all its processes counted within `per`",
    ),
    average: Metric.optional().describe(
      "A histogram or summary of the application: the mean of what it observed within `per`",
    ),
    promql: z
      .string()
      .min(1)
      .max(2000)
      .optional()
      .describe("Anything else: an expression that gives one number"),
    at_least: z.number().min(0).describe("What it is to reach; below that is an alert"),
    per: Between(3600, 30 * 86_400)
      .prefault("1d")
      .describe("Over how long it is counted, 1h to 30d; a stack that is younger is not judged"),
  })
  .refine((target) => KINDS.filter((kind) => target[kind] !== undefined).length === 1, {
    error: "expected one of counter, average and promql: counter: shop_orders_total",
  });
export type BusinessTarget = z.output<typeof BusinessTarget>;
