/** A Nostr event as it travels (NIP-01, "Events and signatures"). Never altered after it was signed. */
export interface NostrEvent {
  /** 32 bytes, lowercase hex: SHA-256 of the canonical serialization. */
  readonly id: string
  /** 32 bytes, lowercase hex: x-only public key of the author. */
  readonly pubkey: string
  /** Unix time in seconds, as its author states it. */
  readonly created_at: number
  /** 0 … 65535. */
  readonly kind: number
  readonly tags: readonly (readonly string[])[]
  readonly content: string
  /** 64 bytes, lowercase hex: BIP-340 signature over the 32 bytes of `id`. */
  readonly sig: string
}
