/** What one check of `stoa doctor` found. */
export interface Finding {
  readonly status: 'ok' | 'warn' | 'fail'
  /** What was found; for anything but `ok` also what to do. */
  readonly message: string
}

export function ok(message: string): Finding {
  return { status: 'ok', message }
}

/** It works, but somebody should read this. */
export function warn(message: string): Finding {
  return { status: 'warn', message }
}

export function fail(message: string): Finding {
  return { status: 'fail', message }
}
