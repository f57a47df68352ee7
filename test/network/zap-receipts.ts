/** Zaps as wallets publish them (NIP-57, appendix E), with an invoice that holds. */
import { hash } from 'node:crypto'
import { createSigner } from '../../bench/dataset/signer.ts'
import { type EventSigner, finalizeEvent, type NostrEvent } from '../../src/nostr/index.ts'
import { signInvoice } from './bolt11-invoice.ts'
import { randomOf } from './story.ts'

const REQUEST_KIND = 9734
const RECEIPT_KIND = 9735
/** Most zaps are small. */
const AMOUNTS_SATS = [21, 21, 21, 100, 100, 210, 500, 1_000, 2_100, 5_000, 21_000]
const SENDERS = 40

const signer = createSigner()

/** The same events, and for each receipt among them, which pays nothing, one of the same moment for the same note that does. */
export async function withPaidZaps(
  events: readonly NostrEvent[],
  seed: number,
): Promise<readonly NostrEvent[]> {
  const random = randomOf(seed)
  return Promise.all(
    events.map(async (event) => {
      if (event.kind !== RECEIPT_KIND) return event
      const amountSats = AMOUNTS_SATS[Math.floor(random() * AMOUNTS_SATS.length)]!
      return zapReceipt({ like: event, amountSats, sender: Math.floor(random() * SENDERS) })
    }),
  )
}

interface Zap {
  /** Whom and what for is in its tags `p` and `e`. */
  readonly like: NostrEvent
  readonly amountSats: number
  /** Who zaps: the same number, the same key. */
  readonly sender: number
}

export async function zapReceipt({ like, amountSats, sender }: Zap): Promise<NostrEvent> {
  const { created_at } = like
  const target = like.tags.filter(([name]) => name === 'p' || name === 'e')
  const from = signerNamed(`zapper ${sender}`)
  const request = await finalizeEvent(
    { kind: REQUEST_KIND, created_at, content: '', tags: [...target, ['amount', `${amountSats * 1_000}`]] },
    from,
  )
  const description = JSON.stringify(request)
  const preimage = hash('sha256', `preimage ${request.id}`)
  const bolt11 = signInvoice(
    {
      amountSats,
      createdAtSeconds: created_at,
      paymentHash: hash('sha256', Buffer.from(preimage, 'hex')),
      descriptionHash: hash('sha256', description),
      paymentSecret: hash('sha256', `secret ${request.id}`),
    },
    secretNamed('lightning node'),
  )
  const tags = [
    ...target,
    ['P', from.publicKey],
    ['bolt11', bolt11],
    ['description', description],
    ['preimage', preimage],
  ]
  return finalizeEvent({ kind: RECEIPT_KIND, created_at, content: '', tags }, signerNamed('wallet'))
}

function signerNamed(name: string): EventSigner {
  const secretKey = secretNamed(name)
  return {
    publicKey: Buffer.from(signer.publicKey(secretKey)).toString('hex'),
    signSchnorr: (id) => signer.sign(id, secretKey),
  }
}

function secretNamed(name: string): Uint8Array {
  return hash('sha256', name, 'buffer')
}
