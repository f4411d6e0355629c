/** Tries until it holds. @throws the last failure after so many seconds */
export async function eventually(check: () => Promise<void>, seconds = 30): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((later) => setTimeout(later, 500));
    }
  }
}
