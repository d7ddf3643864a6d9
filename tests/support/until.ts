const PATIENCE = 20_000

/** For what servers do among themselves. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error('it does not come about')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
