/** Ed25519 as the stub's chain and its claims use it. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

/** DER of an Ed25519 key up to its 32 bytes (RFC 8410). */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

export interface StubKey {
  /** 32 bytes, hex. */
  readonly publicKey: string
  sign(message: Buffer): Buffer
}

/** @param secret 32 bytes. */
export function stubKey(secret: Buffer): StubKey {
  const key = createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, secret]), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return {
    publicKey: spki.subarray(PUBLIC_PREFIX.length).toString('hex'),
    sign: (message) => sign(null, message, key),
  }
}

export function isSignedBy(publicKey: string, message: Buffer, signature: Buffer): boolean {
  const key = publicKeyOf(publicKey)
  return key !== undefined && signature.length === 64 && verify(null, message, key, signature)
}

/** Keys seen last, since to make one costs as much as to verify with it. */
const known = new Map<string, KeyObject>()
const MAX_KNOWN = 1_000

function publicKeyOf(publicKey: string): KeyObject | undefined {
  const found = known.get(publicKey)
  if (found !== undefined) return found
  if (!/^[0-9a-f]{64}$/.test(publicKey)) return undefined
  const der = Buffer.concat([PUBLIC_PREFIX, Buffer.from(publicKey, 'hex')])
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(publicKey, key)
  return key
}
