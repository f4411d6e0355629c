/** What Elasticsearch answers to the two searches of `errors`. */
import { z } from "zod";
import type { Facts } from "../checks/facts.ts";
import { Problem } from "../problem.ts";

const Terms = z.object({ buckets: z.array(z.object({ key: z.string(), doc_count: z.number() })) });
/** Null where there is nothing to take it of. */
const Moment = z.object({ value: z.number().nullable() });
const Head = z.object({
  timed_out: z.boolean().optional(),
  _shards: z.object({ failed: z.number() }).optional(),
});
/** Without `aggregations` there is no index yet. */
const GroupsAnswer = Head.extend({
  aggregations: z
    .object({
      oldest: Moment,
      releases: Terms,
      chosen: z.object({ all: z.object({ value: z.number() }), groups: Terms }),
    })
    .optional(),
});
const Texts = z.looseObject({});
const DetailsAnswer = Head.extend({
  aggregations: z.object({
    groups: z.object({
      buckets: z.array(
        z.object({
          key: z.string(),
          doc_count: z.number(),
          first: Moment,
          last: Moment,
          releases: Terms,
          services: Terms,
          window: z.object({
            doc_count: z.number(),
            times: z
              .object({ buckets: z.array(z.object({ key: z.number(), doc_count: z.number() })) })
              .optional(),
          }),
          newest: z.object({ hits: z.object({ hits: z.array(z.object({ _source: Texts })) }) }),
        }),
      ),
    }),
  }),
});
export type Bucket = z.output<typeof DetailsAnswer>["aggregations"]["groups"]["buckets"][number];

/** @throws Problem where an answer is not understood */
export function readAnswers(facts: Facts) {
  const groups = parse(GroupsAnswer, facts.one("groups"));
  const text = facts.one("details");
  const details = text === undefined ? undefined : parse(DetailsAnswer, text);
  const running = facts.all("release");
  const seen = groups.aggregations?.releases.buckets.map(({ key }) => key) ?? [];
  return {
    found: groups.aggregations,
    buckets: details?.aggregations.groups.buckets ?? [],
    running,
    /** Whether errors of a release before are kept: without them nothing can be told from what is new. */
    older: seen.some((release) => !running.includes(release)),
    partial: [groups, details].some((answer) => answer?.timed_out || (answer?._shards?.failed ?? 0) > 0),
  };
}

function parse<Answer>(schema: z.ZodType<Answer>, text = ""): Answer {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new Problem(`Elasticsearch's answer is not understood: ${text.slice(0, 200)}`);
  }
}
