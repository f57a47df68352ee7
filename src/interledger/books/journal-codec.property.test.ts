import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AppError } from '../../kernel/index.ts'
import { decodeJournalBody, type JournalEntry, JournalWriter } from './journal-codec.ts'
import { accountParty, peerParty } from './parties.ts'

const hexId = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('hex'))
const id = hexId.filter((text) => text !== '0'.repeat(32))
const idOrNone = fc.oneof(id, fc.constant(''))
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))
const amount = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const time = fc.nat({ max: 2 ** 47 })
const party = fc.oneof(
  // A peer keeps its asset for ever: it hangs on the name.
  fc
    .stringMatching(/^[a-z0-9-]{1,40}$/)
    .map((name) => peerParty(name, name.length % 2 === 0 ? 'msat' : 'drop')),
  fc
    .stringMatching(/^[a-z0-9]{1,100}$/)
    .map((name) => accountParty({ path: `liabilities/credit/${name}`, asset: 'usdc' })),
)

const entry: fc.Arbitrary<JournalEntry> = fc.oneof(
  fc
    .record({
      from: party,
      to: party,
      id,
      incomingId: idOrNone,
      incomingAmount: amount,
      outgoingAmount: amount,
      marginAmount: amount,
      incomingExpiresAtMs: time,
      outgoingExpiresAtMs: time,
      executionCondition: hash,
    })
    .map(({ from, to, ...intent }) => ({
      kind: 'intent' as const,
      from,
      to,
      intent: { ...intent, from: from.party, to: to.party },
    })),
  fc.record({
    kind: fc.constant('fulfilled' as const),
    from: party,
    to: party,
    id,
    incomingId: idOrNone,
    incomingAmount: amount,
    incomingExpiresAtMs: time,
    fulfillment: hash,
  }),
  fc.record({ kind: fc.constantFrom('ended' as const, 'given-up' as const), to: party, id }),
  fc.record({
    kind: fc.constant('written-off' as const),
    from: party,
    incomingId: id,
    incomingAmount: amount,
    incomingExpiresAtMs: time,
  }),
)

function write(writer: JournalWriter, entry: JournalEntry): void {
  if (entry.kind === 'intent') writer.intent(entry.intent, entry.from, entry.to)
  else if (entry.kind === 'written-off') writer.writtenOff(entry)
  else if (entry.kind !== 'fulfilled') writer.ended(entry.kind, entry.id, entry.to)
  else {
    const { from, to, fulfillment, ...rest } = entry
    const unused = { outgoingAmount: 0n, outgoingExpiresAtMs: 0, executionCondition: fulfillment }
    writer.fulfilled({ ...rest, ...unused, from: from.party, to: to.party }, from, to, fulfillment)
  }
}

test('what was written into a row is read from it, whatever its length', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 200 }), (entries) => {
      const writer = new JournalWriter()
      for (const one of entries) write(writer, one)
      expect(decodeJournalBody(writer.body())).toEqual(entries)
    }),
  )
})

test('what cannot be written leaves the row as it was', () => {
  fc.assert(
    fc.property(entry, (one) => {
      const writer = new JournalWriter()
      write(writer, one)
      const before = writer.body()
      const to = peerParty('bob', 'drop')
      expect(() => writer.ended('ended', 'no id', to)).toThrow(AppError)
      expect(decodeJournalBody(writer.body())).toEqual([one])
      expect(before.length).toBeLessThanOrEqual(writer.body().length)
    }),
  )
})

test('a row that is cut short is said to be damaged', () => {
  fc.assert(
    fc.property(entry, fc.nat(), (one, cut) => {
      const writer = new JournalWriter()
      write(writer, one)
      const body = writer.body()
      const start = body.length - writer.byteLength
      const shorter = body.subarray(0, start + 1 + (cut % (writer.byteLength - 1)))
      expect(() => decodeJournalBody(shorter)).toThrow(
        expect.objectContaining({ code: 'ILP_JOURNAL_DAMAGED' }),
      )
    }),
  )
})
