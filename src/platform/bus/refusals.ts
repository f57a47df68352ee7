import { refused } from '../../kernel/index.ts'
import type { BusRefusal } from './bus.ts'

type Refused = { readonly ok: false; readonly refusal: BusRefusal }

export const closedRefusal: Refused = refused({ code: 'BUS_CLOSED', text: 'the bus is closed' })

export const downRefusal: Refused = refused({
  code: 'BUS_DOWN',
  text: 'Redis cannot be reached at the moment',
})

export const busyRefusal: Refused = refused({ code: 'BUS_BUSY', text: 'too much is waiting for Redis' })

/** @param text what the other side said. */
export function failedRefusal(text: string): Refused {
  return refused({ code: 'BUS_FAILED', text })
}
