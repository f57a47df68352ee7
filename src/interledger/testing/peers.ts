/** What tests of links put behind them. */
import { createHash } from 'node:crypto'
import type { LinkEvents } from '../link.ts'
import type { IlpFulfill, IlpPrepare, IlpReject } from '../packet/index.ts'

export const FULFILLMENT: Buffer = Buffer.alloc(32, 7)
export const CONDITION: Buffer = createHash('sha256').update(FULFILLMENT).digest()

/** @param data tells packets of one test apart. */
export function prepareOf(data: string, expiresAtMs: number): IlpPrepare {
  return {
    type: 'prepare',
    amount: 10n,
    expiresAtMs,
    executionCondition: CONDITION,
    destination: 'test.bob',
    data: Buffer.from(data),
  }
}

/** The answer of a receiver: the packet's data comes back, so that answers that were mixed up show. */
export function fulfillOf({ data }: IlpPrepare): IlpFulfill {
  return { type: 'fulfill', fulfillment: FULFILLMENT, data }
}

export function rejectOf({ data }: IlpPrepare, code = 'F02'): IlpReject {
  return { type: 'reject', code, triggeredBy: 'test.bob', message: 'no', data }
}

export interface WatchedEvents extends LinkEvents {
  /** What was called, in order: `open`, `closed`, `prepare <data>`, `ask <protocol>`. */
  readonly heard: string[]
}

/** A peer that fulfils everything and echoes what it is asked by `echo`, unless told otherwise. */
export function watchedEvents(changes: Partial<LinkEvents> = {}): WatchedEvents {
  const heard: string[] = []
  return {
    heard,
    onPrepare: async (prepare, size) => {
      heard.push(`prepare ${prepare.data.toString()}`)
      return changes.onPrepare?.(prepare, size) ?? fulfillOf(prepare)
    },
    onAsk: async (protocol, data) => {
      heard.push(`ask ${protocol}`)
      if (changes.onAsk !== undefined) return changes.onAsk(protocol, data)
      return protocol === 'echo' ? data : undefined
    },
    onOpen: () => {
      heard.push('open')
      changes.onOpen?.()
    },
    onClosed: () => {
      heard.push('closed')
      changes.onClosed?.()
    },
  }
}
