/** The names of a certificate, from those that the door answers to and those that were asked for. */

/** Once each, and none that a wildcard covers already: an authority refuses an order that names both. */
export function certifiedNames(hostNames: readonly string[], more: readonly string[]): string[] {
  const all = [...new Set([...hostNames, ...more])];
  const wild = new Set(all.filter((name) => name.startsWith("*.")));
  return all.filter((name) => wild.has(name) || !wild.has(name.replace(/^[^.]+/, "*")));
}
