/** Waiting for what happens in other threads: as long as it takes, whatever else the machine does. */

/** Resolves when it is so; it is looked at every 10 ms. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}
