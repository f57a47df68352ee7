import { test } from 'vitest'
import type { Bus } from '../bus.ts'

/** Two members of one bus; for an adapter without a network they are the same object. */
export interface Members {
  readonly one: Bus
  readonly other: Bus
  readonly dispose: () => Promise<void>
}

export type MakeMembers = () => Promise<Members>

/** A sentence that is true of every bus, with its proof. */
export type Claim = (title: string, prove: (members: Members) => Promise<void>) => void

export function claimFor(makeMembers: MakeMembers): Claim {
  return (title, prove) =>
    test(title, async () => {
      const members = await makeMembers()
      try {
        await prove(members)
      } finally {
        await members.dispose()
      }
    })
}
