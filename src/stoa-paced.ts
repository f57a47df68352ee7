/** For what follows changes and costs something each time: told at once, and then no oftener than it may be. */
export interface Paced {
  /** Acts now, or when `intervalMs` have passed since it acted last; once, however often this is called meanwhile. */
  (): void
  /** What is still due is left undone. */
  stop(): void
}

export function paced(act: () => void, intervalMs: number): Paced {
  let actedMs = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  const run = (): void => {
    timer = undefined
    actedMs = performance.now()
    act()
  }
  const call = (): void => {
    if (timer !== undefined) return
    const leftMs = actedMs + intervalMs - performance.now()
    if (leftMs <= 0) run()
    else timer = setTimeout(run, leftMs).unref()
  }
  return Object.assign(call, { stop: () => clearTimeout(timer) })
}
