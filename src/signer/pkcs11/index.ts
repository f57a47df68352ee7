/** The door of tokens: for `signer` alone. */
export { withFolderLock } from './folder-lock.ts'
export { createToken, type Token, type TokenOptions, type TokenPin } from './token.ts'
export { createTokenKey, destroyTokenKey, openTokenKey, type TokenKey } from './token-ecdsa.ts'
export { createTokenLock } from './token-lock.ts'
