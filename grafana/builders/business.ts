/** What the business is to reach, by `business` of stack.yaml: each figure beside its target. */
import { board } from "../library/board.ts";
import { bars, lines, number } from "../library/panels.ts";
import { rows } from "../library/tables.ts";
import { query } from "../library/words.ts";

const VALUE = "plimsoll:business:value";
const AT_LEAST = "plimsoll:business:at_least";
const REACHED = `${VALUE} / on (target, title) (${AT_LEAST} > 0)`;

export function business() {
  return board({
    stem: "business",
    title: "Business",
    description:
      "Registrations, orders, satisfaction: the figures that `business` of stack.yaml names, from the application's own counters, beside what they are to reach.",
    deploys: true,
    from: "now-7d",
    sections: {
      "Is it reached?": [
        number({
          title: "Reached",
          description: "Figures that are at their target or above.",
          unit: "none",
          height: 8,
          queries: [query(`count(${REACHED} >= 1) or vector(0)`, "reached")],
        }),
        number({
          title: "Missed",
          description:
            "Figures below their target. The first days of a stack are no judgement: there is less to count.",
          unit: "none",
          height: 8,
          limits: { warnAbove: 1, above: 1000 },
          queries: [query(`count(${REACHED} < 1) or vector(0)`, "missed")],
        }),
        number({
          title: "Not known",
          description:
            "Figures whose expression finds nothing: a metric of another name, or nothing happened.",
          unit: "none",
          height: 8,
          limits: { warnAbove: 1, above: 1000 },
          queries: [query(`count(${AT_LEAST} unless on (target) ${VALUE}) or vector(0)`, "not known")],
        }),
        bars({
          title: "Against the target",
          description: "100% is what `at_least` of stack.yaml says.",
          unit: "percentunit",
          width: 12,
          min: 0,
          max: 1,
          limits: { warnBelow: 1, below: 0.5 },
          none: "stack.yaml names no targets",
          queries: [query(REACHED, "{{title}}")],
        }),
      ],
      Figures: [
        rows({
          title: "Now",
          description: "Each figure over its own window (`per` of stack.yaml).",
          unit: "none",
          width: 8,
          columns: { title: "Figure" },
          value: "Now",
          none: "nothing is counted yet",
          queries: [query(VALUE, "{{title}}")],
        }),
        rows({
          title: "Targets",
          description: "What each is to reach.",
          unit: "none",
          width: 8,
          columns: { title: "Figure" },
          value: "At least",
          none: "stack.yaml names no targets",
          queries: [query(AT_LEAST, "{{title}}")],
        }),
        rows({
          title: "Windows",
          description: "Over how long each is counted.",
          unit: "s",
          width: 8,
          columns: { title: "Figure" },
          value: "Within",
          none: "stack.yaml names no targets",
          queries: [query("plimsoll:business:per_seconds", "{{title}}")],
        }),
      ],
      "Over time": [
        lines({
          title: "Against the target, over time",
          description:
            "Each figure as a share of its target. A step at a deploy is worth a look at what was released.",
          unit: "percentunit",
          width: 24,
          none: "nothing is counted yet",
          queries: [query(REACHED, "{{title}}")],
        }),
      ],
    },
  });
}
