/**
 * Does `work` for each item, at most `width` of them at a time, and begins none any more once `signal` is aborted. One that
 * fails keeps no other from being done; what was thrown is returned.
 */
export async function inParallel<T>(
  items: Iterable<T>,
  { width, signal }: { readonly width: number; readonly signal: AbortSignal },
  work: (item: T) => Promise<unknown>,
): Promise<readonly unknown[]> {
  const failures: unknown[] = []
  const rest = items[Symbol.iterator]()
  const worker = async () => {
    while (!signal.aborted) {
      const next = rest.next()
      if (next.done === true) return
      await work(next.value).catch((error: unknown) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: width }, worker))
  return failures
}
