/** Figures as people read them. */
export const share = (ratio: number, digits = 1): string => `${Number((100 * ratio).toFixed(digits))}%`;

export const milliseconds = (seconds: number): string => `${Number((seconds * 1000).toFixed(1))} ms`;

/** Seconds as `40 s`, `12 min`, `5 h`, `3 days`. */
export function age(seconds: number): string {
  if (seconds < 100) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
