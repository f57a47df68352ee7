import { setTimeout as delay } from 'node:timers/promises'

const FIRST_DELAY_MS = 1_000
const MAX_TRIES = 6

/**
 * Does something that a relay may refuse because we are too fast, and does it again, later and later, while it does.
 *
 * @param act resolves to the text of the refusal; undefined when there was none.
 */
export async function patiently(
  act: () => Promise<string | undefined>,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (let tries = 1; ; tries += 1) {
    const refusal = await act()
    if (refusal?.startsWith('rate-limited') !== true || tries === MAX_TRIES || signal.aborted) return refusal
    // Called off while it waits, the next try finds the connection gone and says so.
    await delay(FIRST_DELAY_MS * 2 ** (tries - 1), undefined, { signal }).catch(() => undefined)
  }
}
