import { isatty } from 'node:tty'
import { type DestinationStream, destination, type Logger, pino } from 'pino'
import { prettyDestination } from './pretty-log.ts'
import { scrubFields, scrubLine } from './redact.ts'

export type { Logger } from 'pino'

export interface LoggingOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** `auto` is pretty when a terminal is watching standard error, JSON otherwise. */
  readonly format: 'auto' | 'json' | 'pretty'
}

const STDERR = 2

/**
 * Makes the logger of a process. A line is an event: a constant name last, fields with units before it. Fields are
 * scrubbed of secrets before they are written (see `redact.ts`).
 *
 * @param out where lines go; standard error when absent, written at once so that a crash loses none.
 * @example log.info({ port, tookMs }, 'relay.started')
 */
export function createLogger({ level, format }: LoggingOptions, out?: DestinationStream): Logger {
  const isTerminal = out === undefined && isatty(STDERR)
  const isPretty = format === 'pretty' || (format === 'auto' && isTerminal)
  const sink = out ?? destination({ dest: STDERR, sync: true })
  const colors = isTerminal && process.env.NO_COLOR === undefined
  return pino(
    {
      level,
      base: null,
      messageKey: 'event',
      // Fields first, while errors and bytes are still what they are; then the whole line, with what pino added
      // itself (bindings of children, messages of errors). A line costs 10 µs more for it, and lines are few.
      formatters: { log: scrubFields },
      serializers: { err: (scrubbed: unknown) => scrubbed },
      hooks: { streamWrite: scrubLine },
    },
    isPretty ? prettyDestination(sink, { colors }) : sink,
  )
}
