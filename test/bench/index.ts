/** All benches in turn; each prints what it measured beside its peer or its limit. */
for (const bench of ["generate", "nginx", "stack"]) {
  console.log(`\n== ${bench}\n`);
  await import(`./${bench}.ts`);
}
