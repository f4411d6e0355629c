/** What a generated Dockerfile builds upon: pinned like any other image. */
import type { Pins } from "../spec/pins.ts";

const FROM = /^FROM (\S+)(?: AS (\S+))?$/gm;

/** Images of the FROM lines that come from a registry, without stages of the same file. */
export function basesOf(dockerfile: string): string[] {
  const lines = [...dockerfile.matchAll(FROM)];
  const stages = new Set(lines.map(([, , stage]) => stage));
  return [...new Set(lines.map(([, image]) => image as string))].filter(
    (image) => !stages.has(image) && image !== "scratch",
  );
}

export function pinBases(dockerfile: string, pins: Pins): string {
  return dockerfile.replace(FROM, (line, image: string) => {
    const digest = pins[image];
    return digest ? line.replace(image, `${image}@${digest}`) : line;
  });
}
