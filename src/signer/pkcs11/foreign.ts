/** koffi as this folder uses it. */

/** What modules may use of the stack. koffi gives 128 KiB to a call on another thread, which is little for some. */
const STACK_BYTES = 1024 * 1024

export type Koffi = typeof import('koffi')['default']

/** Rejects when koffi has no binary for this machine. */
export async function loadKoffi(): Promise<Koffi> {
  const { default: koffi } = await import('koffi')
  try {
    koffi.config({ ...koffi.config(), async_stack_size: STACK_BYTES })
  } catch {
    // A library is loaded by koffi in this thread already, so what was set then stays.
  }
  return koffi
}
