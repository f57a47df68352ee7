import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createManualClock } from '../../kernel/index.ts'
import { ilpAssetOf } from '../ilp-asset.ts'
import type { LinkAnswer } from '../link.ts'
import { type IlpPrepare, isIlpAddress } from '../packet/index.ts'
import {
  answerIldcp,
  decodeIldcpAnswer,
  encodeIldcpAnswer,
  ILDCP_DESTINATION,
  type IldcpAsker,
  peerAnswer,
  peerRequest,
  requestIldcp,
} from './index.ts'

const clock = createManualClock(Date.UTC(2026, 0, 1))
const kid: IldcpAsker = { id: 'kid', relation: 'child', asset: 'usdc' }
const request = peerRequest({ destination: ILDCP_DESTINATION, nowMs: clock.nowMs(), waitMs: 1_000 })

function answer(prepare: IlpPrepare = request, asker = kid, ownAddress: string | undefined = 'g.us') {
  return answerIldcp(prepare, asker, { ownAddress, nowMs: clock.nowMs() })
}

test('a child that asks its parent gets an address below it, and the asset of the link', async () => {
  const outcome = await requestIldcp(async (prepare) => answer(prepare), clock)
  expect(outcome).toEqual({ ok: true, value: { address: 'g.us.kid', asset: ilpAssetOf('usdc') } })
})

test('who is no child, asks wrongly or too early is rejected, each with its code', () => {
  expect(answer(request, { ...kid, relation: 'peer' })).toMatchObject({ code: 'F00', triggeredBy: 'g.us' })
  expect(answer(request, { ...kid, relation: 'parent' })).toMatchObject({ code: 'F00' })
  expect(answer({ ...request, expiresAtMs: clock.nowMs() })).toMatchObject({ code: 'R00' })
  expect(answer({ ...request, amount: 1n })).toMatchObject({ code: 'F03' })
  expect(answer({ ...request, executionCondition: Buffer.alloc(32, 1) })).toMatchObject({ code: 'F00' })
  expect(answer(request, kid, `g.${'x'.repeat(1_020)}`)).toMatchObject({ code: 'F00' })
  expect(answerIldcp(request, kid, { ownAddress: undefined, nowMs: clock.nowMs() })).toMatchObject({
    code: 'T00',
  })
})

test('what is no answer of a parent is refused, and says how it failed', async () => {
  const good = encodeIldcpAnswer({ address: 'g.us.kid', asset: { code: 'USD', scale: 2 } })
  const nowhere = encodeIldcpAnswer({ address: 'self.kid', asset: { code: 'USD', scale: 2 } })
  const nothing = encodeIldcpAnswer({ address: 'g.us.kid', asset: { code: '', scale: 2 } })
  const answers: readonly [code: string, LinkAnswer][] = [
    ['ILDCP_UNANSWERED', { type: 'lost' }],
    ['ILDCP_UNANSWERED', { type: 'unsent' }],
    ['ILDCP_REFUSED', answer(request, { ...kid, relation: 'peer' })],
    ['ILDCP_MALFORMED', { ...peerAnswer(good), fulfillment: Buffer.alloc(32, 1) }],
    ['ILDCP_MALFORMED', peerAnswer(good.subarray(0, -1))],
    ['ILDCP_MALFORMED', peerAnswer(nowhere)],
    ['ILDCP_MALFORMED', peerAnswer(nothing)],
  ]
  for (const [code, reply] of answers) {
    expect(await requestIldcp(async () => reply, clock)).toMatchObject({ ok: false, refusal: { code } })
  }
})

test('what is written is read as it was, and bytes of any kind are read or refused', () => {
  const address = fc.stringMatching(/^(g|test1)(\.[a-zA-Z0-9_~-]{1,20}){1,8}$/).filter(isIlpAddress)
  const asset = fc.record({
    code: fc.stringMatching(/^[A-Z€]{1,10}$/),
    scale: fc.integer({ min: 0, max: 255 }),
  })
  fc.assert(
    fc.property(address, asset, fc.uint8Array({ maxLength: 3 }), (own, of, behind) => {
      const value = { address: own, asset: of }
      expect(decodeIldcpAnswer(Buffer.concat([encodeIldcpAnswer(value), behind]))).toEqual({
        ok: true,
        value,
      })
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(typeof decodeIldcpAnswer(Buffer.from(bytes)).ok).toBe('boolean')
    }),
  )
})
