/** Keys and signatures that a name alone decides, so that a failed run can be repeated. */
import { createSigner } from '../../bench/dataset/signer.ts'
import type { Draft, WireEvent } from '../conformance/kit/event.ts'
import { preimageOf, sha256Hex } from '../conformance/kit/sign.ts'

export interface Author {
  readonly pubkey: string
  readonly secretKey: Uint8Array
}

const signer = createSigner()

/** The author whose secret key is the hash of `name`. */
export function authorNamed(name: string): Author {
  const secretKey = Buffer.from(sha256Hex(name), 'hex')
  return { secretKey, pubkey: Buffer.from(signer.publicKey(secretKey)).toString('hex') }
}

/** Signs a kind 1 of now, but for what `draft` says. */
export function eventBy({ pubkey, secretKey }: Author, draft: Partial<Draft> = {}): WireEvent {
  const created_at = Math.floor(Date.now() / 1000)
  const whole: Draft = { kind: 1, created_at, tags: [], content: '', ...draft }
  const id = sha256Hex(preimageOf(pubkey, whole))
  const sig = Buffer.from(signer.sign(Buffer.from(id, 'hex'), secretKey)).toString('hex')
  return { id, pubkey, ...whole, sig }
}
