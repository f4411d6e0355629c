import { expect, test } from "vitest";
import { planned } from "../testing/planned.ts";
import { shortest } from "../testing/source.ts";
import { mermaid, withPicture } from "./mermaid.ts";

const picture = mermaid(planned(shortest).plan);
const lines = picture.split("\n").map((line) => line.trim());

test.each([
  'internet ==>|"80, 443"| nginx_',
  "nginx_ ==> api_1_3_",
  "postgres_ ==> postgres_1_2_",
  "redis_sessions_ -.-> backup_files_",
  "you --> grafana_",
])("draws %s", (arrow) => {
  expect(lines).toContain(arrow);
});

test("draws an arrow once, and only between what is there", () => {
  const arrows = lines.filter((line) => /(?:==|--|-\.-)>/.test(line));
  expect(new Set(arrows).size).toBe(arrows.length);
  const ids = new Set(lines.flatMap((line) => /^(?:subgraph )?(\w+)[[({]/.exec(line)?.[1] ?? []));
  for (const arrow of arrows) {
    const [from, to] = [/^\w+/.exec(arrow)?.[0], /\w+$/.exec(arrow)?.[0]];
    expect(ids).toContain(from);
    expect(ids).toContain(to);
  }
});

test("leaves out jobs that end", () => {
  expect(picture).not.toContain("migrate");
  expect(picture).not.toContain("elastic_setup");
});

test("puts the picture between a README's markers, and leaves any other README alone", () => {
  const readme = "# A\n<!-- stack:begin -->\nold\n<!-- stack:end -->\nrest\n";
  const once = withPicture(readme, "flowchart LR\n");
  expect(once).toBe("# A\n<!-- stack:begin -->\n```mermaid\nflowchart LR\n```\n<!-- stack:end -->\nrest\n");
  expect(withPicture(once, "flowchart LR\n")).toBe(once);
  expect(withPicture("# A\n", "x")).toBe("# A\n");
});
