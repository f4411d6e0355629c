/** Digests of images, by tag: `pins.json` beside stack.yaml, written by `plimsoll pin`. */
import { z } from "zod";
import { InputError } from "./fault.ts";
import { ImageName } from "./words.ts";

export const Pins = z.record(ImageName, z.string().regex(/^sha256:[a-f0-9]{64}$/));
export type Pins = z.output<typeof Pins>;

/** @throws InputError where the file is not what `plimsoll pin` writes */
export function readPins(file: string, text: string | undefined): Pins {
  if (text === undefined) return {};
  try {
    return Pins.parse(JSON.parse(text));
  } catch {
    throw new InputError([
      {
        file,
        message: "is not a map of image to sha256:… digest",
        remedy: "Delete it and run `plimsoll pin` again.",
      },
    ]);
  }
}
