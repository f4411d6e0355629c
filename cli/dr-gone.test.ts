import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { requireGone } from "./dr-gone.ts";

beforeEach(() => void vi.spyOn(console, "error").mockImplementation(() => undefined));
afterEach(() => vi.restoreAllMocks());

it("demands a person's word where nobody knows which host it was", async () => {
  for (const fenced of [undefined, "deploy@203.0.113.7"])
    await expect(requireGone(undefined, "deploy@203.0.113.8", fenced)).rejects.toMatchObject({
      message: expect.stringContaining("is not known"),
      remedy: expect.stringContaining("--fenced unknown"),
    });
  await expect(requireGone(undefined, "deploy@203.0.113.8", "unknown")).resolves.toBeUndefined();
});

it("goes on where the host is the one already", async () => {
  await expect(requireGone("deploy@203.0.113.8", "deploy@203.0.113.8", undefined)).resolves.toBeUndefined();
});
