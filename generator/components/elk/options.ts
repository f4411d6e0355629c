/** The words of `logging` in stack.yaml. */
import { z } from "zod";
import { ContainersFolder, Duration, Port } from "../../spec/words.ts";

const Weight = z
  .number({ error: "expected a number such as 2" })
  .min(0, { error: "expected a number from 0" })
  .max(100, { error: "expected a number up to 100" });

export const Logging = z
  .strictObject({
    keep: Duration.prefault("30d").describe("How long logs are kept; the disk may end it sooner"),
    snapshots: z
      .boolean({ error: "expected true or false" })
      .default(true)
      .describe(
        "Whether logs are backed up: Elasticsearch takes a snapshot each hour, backups take it along",
      ),
    kibana: z
      .strictObject({ port: Port.default(5601).describe("Port of Kibana on the machine's 127.0.0.1") })
      .prefault({})
      .describe("Kibana"),
    weights: z
      .strictObject({
        elasticsearch: Weight.default(4).describe("Elasticsearch's share of the memory that is left over"),
        logstash: Weight.default(1).describe("Logstash's share of it"),
        kibana: Weight.default(1).describe("Kibana's share of it"),
      })
      .prefault({})
      .describe("How spare memory is shared out among them"),
    containers: ContainersFolder.describe("Where the machine's Docker engine writes the containers' logs"),
  })
  .describe("Elasticsearch, Logstash, Kibana and Filebeat");
export type Logging = z.output<typeof Logging>;
