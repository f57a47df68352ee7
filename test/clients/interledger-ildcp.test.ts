/** Our dynamic configuration against the package that official STREAM senders and receivers ask their parent with. */
import { createRequire } from 'node:module'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  answerIldcp,
  encodeIldcpAnswer,
  ILDCP_DESTINATION,
  peerAnswer,
  peerRequest,
  requestIldcp,
} from '../../src/interledger/ildcp/index.ts'
import {
  decodePreparePacket,
  decodeReplyPacket,
  encodeIlpPacket,
  type IlpPrepare,
  type IlpReply,
} from '../../src/interledger/packet/index.ts'
import { systemClock } from '../../src/kernel/index.ts'

interface OfficialInfo {
  readonly clientAddress: string
  readonly assetScale: number
  readonly assetCode: string
}

/** What we use of `ilp-protocol-ildcp`. */
interface OfficialIldcp {
  serializeIldcpRequest(request: { readonly expiresAt?: Date }): Buffer
  serializeIldcpResponse(info: OfficialInfo): Buffer
  fetch(sendData: (packet: Buffer) => Promise<Buffer>): Promise<OfficialInfo>
  serve(options: {
    readonly requestPacket: Buffer
    readonly handler: () => Promise<OfficialInfo>
    readonly serverAddress: string
  }): Promise<Buffer>
}

// It comes with `ilp-protocol-stream`, and is the one that this uses.
const requireHere = createRequire(import.meta.url)
const requireOfStream = createRequire(requireHere.resolve('ilp-protocol-stream'))
// The interface above is what its own declarations say.
const official = requireOfStream('ilp-protocol-ildcp') as OfficialIldcp

const kid = { id: 'kid', relation: 'child', asset: 'drop' } as const

function readPrepare(bytes: Buffer): IlpPrepare {
  const packet = decodePreparePacket(bytes)
  if (!packet.ok) throw new Error(packet.refusal)
  return packet.value
}

function readReply(bytes: Buffer): IlpReply {
  const packet = decodeReplyPacket(bytes)
  if (!packet.ok) throw new Error(packet.refusal)
  return packet.value
}

test('requests and answers are byte for byte those of the official package', () => {
  const expiresAt = new Date('2026-01-02T03:04:05.678Z')
  const ours = peerRequest({ destination: ILDCP_DESTINATION, nowMs: expiresAt.getTime() - 5, waitMs: 5 })
  expect(encodeIlpPacket(ours)).toEqual(official.serializeIldcpRequest({ expiresAt }))
  const address = fc.stringMatching(/^(g|test)(\.[a-zA-Z0-9_~-]{1,40}){1,20}$/)
  const code = fc.stringMatching(/^[A-Z€]{1,10}$/)
  fc.assert(
    fc.property(address, code, fc.integer({ min: 0, max: 255 }), (clientAddress, assetCode, assetScale) => {
      const answer = { address: clientAddress, asset: { code: assetCode, scale: assetScale } }
      expect(encodeIlpPacket(peerAnswer(encodeIldcpAnswer(answer)))).toEqual(
        official.serializeIldcpResponse({ clientAddress, assetCode, assetScale }),
      )
    }),
  )
})

test('the official client understands our answer, and what we reject it with', async () => {
  const ask = (relation: 'child' | 'peer') =>
    official.fetch(async (packet) =>
      encodeIlpPacket(
        answerIldcp(readPrepare(packet), { ...kid, relation }, { ownAddress: 'g.us', nowMs: Date.now() }),
      ),
    )
  expect(await ask('child')).toEqual({ clientAddress: 'g.us.kid', assetCode: 'XRP', assetScale: 6 })
  await expect(ask('peer')).rejects.toThrow('only a child is configured')
})

test('the official server understands our question, and we its answer', async () => {
  const outcome = await requestIldcp(
    async (prepare) =>
      readReply(
        await official.serve({
          requestPacket: encodeIlpPacket(prepare),
          handler: async () => ({ clientAddress: 'g.parent.us', assetCode: 'XRP', assetScale: 9 }),
          serverAddress: 'g.parent',
        }),
      ),
    systemClock,
  )
  expect(outcome).toEqual({ ok: true, value: { address: 'g.parent.us', asset: { code: 'XRP', scale: 9 } } })
})
