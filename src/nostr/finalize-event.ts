import { AppError } from '../kernel/index.ts'
import { computeEventId } from './canonical.ts'
import type { NostrEvent } from './event.ts'
import { parseEvent } from './parse-event.ts'

/** What an author says, before it has an author, an id and a signature. */
export type UnsignedTemplate = Omit<NostrEvent, 'id' | 'pubkey' | 'sig'>

/** Whoever signs: a key in memory, in a token, or with a remote signer. */
export interface EventSigner {
  /** 32 bytes, lowercase hex: the x-only public key of which the signatures are. */
  readonly publicKey: string
  /** A BIP-340 signature, 64 bytes, over 32 bytes. */
  signSchnorr(hash: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/**
 * The signed event: computes the id (NIP-01) and has it signed. Throws `INTERNAL` when the template could not
 * be an event (a tag without members, text with a lone surrogate, a kind out of range), and `SIGNER_FAILED` when what
 * the signer returns has not the form of a signature. Whether the signature holds is not checked here.
 *
 * @example const event = await finalizeEvent(memberAdded(pubkey, nowSeconds), await keyring.keyFor('relay'))
 */
export async function finalizeEvent(template: UnsignedTemplate, signer: EventSigner): Promise<NostrEvent> {
  const { kind, created_at, tags, content } = template
  const unsigned = { pubkey: signer.publicKey, created_at, kind, tags, content }
  const id = computeEventId(unsigned)
  // The shape is judged before anybody signs: a token may ask its owner, or count what it signs.
  const shape = parseEvent({ ...unsigned, id, sig: '0'.repeat(128) })
  if (!shape.ok)
    throw new AppError('INTERNAL', `This is no event to sign: ${shape.refusal}.`, { facts: { kind } })
  const signature = await signer.signSchnorr(Buffer.from(id, 'hex'))
  if (signature.length !== 64) {
    throw new AppError(
      'SIGNER_FAILED',
      `A signature has 64 bytes, and the signer returned ${signature.length}.`,
      {
        facts: { kind, publicKey: signer.publicKey },
      },
    )
  }
  return { ...shape.value, sig: Buffer.from(signature).toString('hex') }
}
