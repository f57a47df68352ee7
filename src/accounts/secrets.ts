import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** 32 random bytes as 43 characters that need no escaping anywhere. */
export function randomSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** A name for a row that nobody can guess, though it is no secret: 16 hex characters. */
export function randomId(): string {
  return randomBytes(8).toString('hex')
}

/**
 * What is kept of a secret. One round of SHA-256 is enough for 32 random bytes, which nobody tries out; a password
 * needs more (`passwords.ts`).
 */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** Compares in a time that says nothing about where they differ. */
export function isSameHash(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}
