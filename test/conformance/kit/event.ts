import { check } from './verdict.ts'

/** The seven members of an event as they travel. */
export interface WireEvent {
  readonly id: string
  readonly pubkey: string
  readonly created_at: number
  readonly kind: number
  readonly tags: readonly (readonly string[])[]
  readonly content: string
  readonly sig: string
}

/** The members that an author chooses. */
export type Draft = Pick<WireEvent, 'kind' | 'created_at' | 'tags' | 'content'>

const MEMBERS = ['id', 'pubkey', 'created_at', 'kind', 'tags', 'content', 'sig'] as const

export function isWireEvent(value: unknown): value is WireEvent {
  return typeof value === 'object' && value !== null && MEMBERS.every((member) => member in value)
}

/** Fails the row unless `returned` holds exactly the seven values that were sent. */
export function checkSameEvent(returned: WireEvent | undefined, sent: WireEvent): void {
  check(returned !== undefined, `event ${sent.id} did not come back`)
  for (const member of MEMBERS) {
    const [got, wanted] = [JSON.stringify(returned[member]), JSON.stringify(sent[member])]
    check(got === wanted, `event ${sent.id}: ${member} came back as ${got} instead of ${wanted}`)
  }
}

/** Ids of `events`, in their order. */
export function idsOf(events: readonly WireEvent[]): string[] {
  return events.map((event) => event.id)
}

/** Newest first, equal times lowest id first (NIP-01, `limit`). */
export function byNewest(a: WireEvent, b: WireEvent): number {
  return b.created_at - a.created_at || (a.id < b.id ? -1 : 1)
}
