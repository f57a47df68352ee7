/** 128 + SIGINT, as shells count. */
const EXIT_INTERRUPTED = 130

/**
 * A signal that the first SIGINT or SIGTERM aborts, for a command to end in good order. The second one ends the
 * process at once: what was acknowledged is on disk by then, and the rest was never promised.
 */
export function interruptedBySignals(): AbortSignal {
  const controller = new AbortController()
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED)
    controller.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return controller.signal
}
