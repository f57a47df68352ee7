import { setTimeout as delay } from 'node:timers/promises'

/** Looks until what it sees is so. A test that waits for ever fails by the time limit of its runner. */
export async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await delay(10)
}
