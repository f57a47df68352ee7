/** Wakes whoever waits for something to have happened since the last time. */
export interface Signal {
  raise(): void
  /** Resolves when it was raised, at once when that was since the last wait. For one waiter at a time. */
  wait(): Promise<void>
}

export function createSignal(): Signal {
  let isRaised = false
  let waiter: (() => void) | undefined
  return {
    raise: () => {
      if (waiter === undefined) isRaised = true
      waiter?.()
      waiter = undefined
    },
    wait: () => {
      if (isRaised) {
        isRaised = false
        return Promise.resolve()
      }
      return new Promise((resolve) => {
        waiter = resolve
      })
    },
  }
}
