import type { Outcome } from '../kernel/index.ts'

/**
 * Whoever holds one secret key and signs with it. Where the key is (a file, a token, another machine) only its driver
 * knows; the key itself never comes out.
 */
export interface Signer {
  /** 32 bytes, lowercase hex: the x-only public key. */
  readonly publicKey: string
  /** A BIP-340 signature, 64 bytes, over 32 bytes. Throws `SIGNER_FAILED` for anything but 32 bytes. */
  signSchnorr(hash: Uint8Array): Promise<Uint8Array>
}

/** Whoever holds one secret key and can agree on a secret with the holder of another (ECDH over secp256k1). */
export interface KeyAgreement {
  /**
   * The x coordinate of the product of both keys, 32 bytes, the same from either side: to be hashed before it is used.
   *
   * @param publicKey 64 lowercase hex characters, x-only. Throws `SIGNER_FAILED` for what is no key.
   */
  sharedSecretWith(publicKey: string): Promise<Uint8Array>
}

/** As `Signer`, for chains that want ECDSA over secp256k1. */
export interface EcdsaSigner {
  /** 33 bytes, lowercase hex: the compressed public key. */
  readonly publicKey: string
  /** Signs the 32 bytes of a digest. Throws `SIGNER_FAILED` for anything else, and for a signature that does not fit. */
  signDigest(digest: Uint8Array): Promise<EcdsaSignature>
}

export interface EcdsaSignature {
  /** r and s, 32 bytes each, high byte first; s is the lower of the two that fit (BIP-62, EIP-2). */
  readonly compact: Uint8Array
  /** Which of the points with this r it was: with it, the public key can be computed from the signature. */
  readonly recovery: 0 | 1
}

/**
 * 32 random bytes that a part of the program keeps, and never sees: what it needs is made from them. The same secret
 * makes the same answers after every start and in every process that has it.
 */
export interface SecretBox {
  /** 32 bytes of HKDF-SHA256 (RFC 5869); another `info`, other bytes. It is a name, of at most 1024 bytes. */
  derive(info: string): Buffer
  /**
   * Encrypts what is to lie elsewhere, like a token of a peer in the database, as text of one line. The same plaintext
   * is another text each time. `context` says where it lies; what is moved elsewhere does not open.
   * Throws `SIGNER_FAILED` for more than `MAX_SEALED_BYTES`.
   */
  seal(plaintext: Uint8Array, context: string): string
  /** What was sealed by this secret in this context. */
  open(sealed: string, context: string): Outcome<Buffer, SealRefusal>
}

/** `MALFORMED`: no text that `seal` makes. `REFUSED`: altered, moved from another context, or sealed by another secret. */
export interface SealRefusal {
  readonly code: 'SEAL_MALFORMED' | 'SEAL_REFUSED'
  readonly text: string
}

/**
 * What BIP-340 keys are for, one key each, so that whoever gets hold of one gets hold of nothing else.
 *
 * - `relay`: what the relay says as itself: `self` in NIP-11, members and invites of NIP-43, checkpoints of the audit log.
 * - `publisher`: what Stoa publishes for everybody: statistics, results.
 */
export const SCHNORR_PURPOSES = ['relay', 'publisher'] as const

/** What ECDSA keys are for: `settlement` pays and is paid on the rails of Interledger peers. */
export const ECDSA_PURPOSES = ['settlement'] as const

/** What secrets are for: `interledger` is behind the shared secrets of STREAM, routes, and the tokens of peers. */
export const SECRET_PURPOSES = ['interledger'] as const

export const KEY_PURPOSES = [...SCHNORR_PURPOSES, ...ECDSA_PURPOSES] as const

export type SchnorrPurpose = (typeof SCHNORR_PURPOSES)[number]
export type EcdsaPurpose = (typeof ECDSA_PURPOSES)[number]
export type SecretPurpose = (typeof SECRET_PURPOSES)[number]
export type KeyPurpose = SchnorrPurpose | EcdsaPurpose

/** Everything that has a file of its own in the folder of keys. */
export type Purpose = KeyPurpose | SecretPurpose
