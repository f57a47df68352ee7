/** Private messages (NIP-17, NIP-44). A door of its own: the arithmetic of the curve that it loads takes a while. */
export {
  CHAT_MESSAGE_KIND,
  type DirectMessage,
  directMessageRelays,
  isPublicKey,
  MAX_DIRECT_MESSAGE_RELAYS,
  MAX_WRAP_AGE_SECONDS,
  type WrapTools,
  wrapDirectMessage,
} from './nip17.ts'
export {
  conversationKeyOf,
  conversationKeyOfShared,
  decryptNip44,
  encryptNip44,
  MAX_NIP44_PLAINTEXT_BYTES,
  NIP44_NONCE_BYTES,
} from './nip44.ts'
