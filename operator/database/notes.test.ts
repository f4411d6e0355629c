import { expect, it } from "vitest";
import { notesOf } from "./notes.ts";

it("says what waits for a person, and with which words it is ended", () => {
  const text = [
    "kept 2147483648 2026-11-28 16:13:02Z; 2026-11-20 11:05:00+00, by ana",
    "restoring swap",
    "unfinished postgres-1 postgres-2",
    "alone postgres-1",
    "strange",
    "",
  ].join("\n");
  const notes = notesOf(text, "production");
  expect(notes).toHaveLength(4);
  expect(notes[0]).toMatch(
    /^2 GB are kept for the undo .* of 2026-11-28 16:13:02Z; .*, by ana: plimsoll restore production --undo/,
  );
  expect(notes[1]).toMatch(/--in-place finishes it, --undo takes it back/);
  expect(notes[2]).toMatch(/promotion of postgres-2 .*plimsoll promote production/);
  expect(notes[3]).toMatch(/commits on postgres-1 wait for no replica/);
  expect(notesOf("restoring ahead\n", "local")[0]).toMatch(/before it changed anything/);
  expect(notesOf("", "local")).toEqual([]);
});
