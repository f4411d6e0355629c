import { expect, it } from "vitest";
import { prepareDns } from "./dr-dns.ts";

it("a record that a person has to set is said again below all that came after it", async () => {
  const dns = await prepareDns(undefined, "api.fkod.com", "deploy@203.0.113.7", AbortSignal.timeout(10_000));
  expect(dns.record).toEqual({ name: "api.fkod.com", type: "A", address: "203.0.113.7" });
  const said: string[] = [];
  await dns.pointThen(
    (line) => said.push(line),
    async () => {
      said.push("the backup");
    },
  );
  expect(said).toEqual([
    "DNS is yours to set:  api.fkod.com.  60  IN  A  203.0.113.7",
    expect.stringContaining("visitors go to the lost host"),
    "the backup",
    said[0],
    said[1],
  ]);
});
