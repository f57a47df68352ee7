/**
 * Checks BIP-340 signatures. One call is one check, on the calling thread; every thread makes its own verifier.
 */
export interface SignatureVerifier {
  /** For people: `libsecp256k1 of the system`. */
  readonly name: string
  /** Whether the system's libsecp256k1 does the work. */
  readonly isNative: boolean
  /**
   * Does `sig` sign the 32 bytes of `id` with the x-only public key `pubkey`?
   * @param id 64 lowercase hex characters, like `pubkey`; `sig` 128.
   */
  verify(id: string, pubkey: string, sig: string): boolean
}

/** Public keys about which a verifier remembers what it has found out: that is a tenth of a check. */
export const KEPT_KEYS = 8_192

export type VerifierChoice = 'auto' | 'native' | 'wasm'
