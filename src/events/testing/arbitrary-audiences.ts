import fc from 'fast-check'
import type { Audience } from '../audience.ts'
import { authors, kinds } from './universe.ts'

const someKinds = fc.uniqueArray(fc.constantFrom(...kinds), { maxLength: 3 })

/** Kinds may have several circles at once: the narrowest counts. */
const audience: fc.Arbitrary<Audience> = fc.record({
  pubkeys: fc.uniqueArray(fc.constantFrom(...authors), { maxLength: 2 }),
  privateKinds: someKinds.map((others) => [...new Set([1059, ...others])]),
  authorOnlyKinds: someKinds,
  hiddenKinds: fc.uniqueArray(fc.constantFrom(...kinds), { maxLength: 1 }),
})

/** A reader to spread into an operation; half of the time there is none. */
export const someAudience: fc.Arbitrary<{ readonly audience?: Audience }> = fc
  .option(audience, { nil: undefined, freq: 2 })
  .map((chosen) => (chosen === undefined ? {} : { audience: chosen }))
