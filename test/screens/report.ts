/** What was drawn, in words. */
import type { Picture } from "./picture.ts";

/** @returns whether every panel was drawn with data or has a known reason to have none */
export function report(pictures: ReadonlyMap<string, Picture>): boolean {
  let good = true;
  for (const [stem, { panels }] of pictures) {
    const shown = panels.filter(({ state }) => state === "shown").length;
    console.log(`${stem}: ${shown} of ${panels.length} panels with data`);
    for (const { title, state, why } of panels) {
      if (state === "shown") continue;
      const known = state === "empty" && why !== undefined;
      good &&= known;
      console.log(`  ${known ? "-" : "✖"} ${title}: ${state}${why ? ` (${why})` : ""}`);
    }
  }
  return good;
}
