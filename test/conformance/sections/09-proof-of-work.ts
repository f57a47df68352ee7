import { authEvent, needChallenge, sendAuth } from '../kit/auth.ts'
import type { Draft } from '../kit/event.ts'
import { checkPrefix } from '../kit/prefix.ts'
import type { Need, Row } from '../kit/row.ts'
import { difficultyOf, mineEvent, signEvent } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { powCases } from '../kit/vectors.ts'
import { check, checkSame } from '../kit/verdict.ts'

/** More bits than this take the suite too long to mine. */
const MAX_MINED_BITS = 20

const asksForWork: Need = {
  relay: `that advertises a min_pow_difficulty from 1 to ${MAX_MINED_BITS}`,
  isShown: (info) => {
    const bits = info.limit('min_pow_difficulty') ?? 0
    return bits > 0 && bits <= MAX_MINED_BITS
  },
  settings: { minPowDifficulty: 10 },
  isShared: true,
}

export const rows: readonly Row[] = [
  {
    id: 'W-01',
    level: 'M',
    claim:
      'Difficulty is the number of leading zero bits of the id: exactly the minimum passes, one bit less does not',
    needs: asksForWork,
    run: async (t) => {
      for (const { id, difficulty } of powCases()) checkSame(difficultyOf(id), difficulty, `pow.json, ${id}`)
      const [client, bits] = [await t.connect(), minimumOf(t)]
      const target = String(bits)
      await client.accept(mineEvent(t.key(), draft(t), { bits, target, exactly: true }))
      const short = mineEvent(t.key(), draft(t), { bits: bits - 1, target, exactly: true })
      await client.refuse(short, ['pow'], `an id of ${bits - 1} bits`)
    },
  },
  {
    id: 'W-02',
    level: 'O',
    claim: 'An event below min_pow_difficulty is refused with "pow:"',
    needs: asksForWork,
    run: async (t) => {
      const client = await t.connect()
      let event = signEvent(t.key(), draft(t))
      while (difficultyOf(event.id) >= minimumOf(t)) event = signEvent(t.key(), draft(t))
      await client.refuse(event, ['pow'], 'an event without work')
      checkSame(await client.query({ ids: [event.id] }), [], 'stored although refused')
    },
  },
  {
    id: 'W-03',
    level: 'O',
    claim: 'An event that commits to a target of at least the minimum and reaches it is accepted',
    needs: asksForWork,
    run: async (t) => {
      const [client, bits] = [await t.connect(), minimumOf(t)]
      await client.accept(mineEvent(t.key(), draft(t), { bits, target: String(bits) }))
      await client.accept(mineEvent(t.key(), draft(t), { bits: bits + 1, target: String(bits + 1) }))
    },
  },
  {
    id: 'W-04',
    level: 'O',
    claim: 'Enough bits by luck, with a lower target or none, are accepted or refused with "pow:"',
    needs: asksForWork,
    run: async (t) => {
      const [client, bits] = [await t.connect(), minimumOf(t)]
      for (const target of ['0', undefined]) {
        const { isAccepted, text } = await client.publish(mineEvent(t.key(), draft(t), { bits, target }))
        if (!isAccepted) checkPrefix(text, ['pow'], `target ${target}`)
        t.note(`target ${target ?? 'missing'}: ${isAccepted ? 'accepted' : 'refused'}`)
      }
    },
  },
  {
    id: 'W-05',
    level: 'P',
    claim: 'AUTH events need no proof of work',
    needs: asksForWork,
    run: async (t) => {
      t.requireNip(42)
      const client = await t.connect({ auth: false })
      const challenge = await needChallenge(t, client)
      let auth = authEvent(t, t.key(), challenge)
      while (difficultyOf(auth.id) >= minimumOf(t)) auth = authEvent(t, t.key(), challenge)
      const { isAccepted, text } = await sendAuth(client, auth)
      check(isAccepted, `AUTH was refused with "${text}"`)
    },
  },
  {
    id: 'W-06',
    level: 'D',
    claim: 'A target that is no number is treated as a missing one',
    needs: asksForWork,
    run: async (t) => {
      const [client, bits] = [await t.connect(), minimumOf(t)]
      const missing = await client.publish(mineEvent(t.key(), draft(t), { bits, target: undefined }))
      for (const target of ['many', '', '0x20', '1e9']) {
        const { isAccepted, text } = await client.publish(mineEvent(t.key(), draft(t), { bits, target }))
        checkSame(isAccepted, missing.isAccepted, `target "${target}" (${text}), compared with a missing one`)
      }
    },
  },
]

function minimumOf(t: Trial): number {
  const bits = t.info.limit('min_pow_difficulty')
  check(bits !== undefined && bits > 0, 'NIP-11 shows no min_pow_difficulty')
  return bits
}

function draft(t: Trial): Draft {
  return { kind: 1, created_at: t.now(), tags: [], content: 'conformance' }
}
