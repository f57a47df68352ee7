export { changePassphrase, type PassphraseChange } from './file-keys.ts'
export type { GivenKey } from './given-keys.ts'
export {
  exposedModeOf,
  type InspectedKey,
  type InspectedSecret,
  type InspectKeysOptions,
  inspectKeys,
  inspectSecrets,
  type KeyOrigin,
} from './inspect-keys.ts'
export { type GivenKeys, type Keyring, type KeyringOptions, openKeyring } from './keyring.ts'
export type { Notify, SignerNotice } from './notices.ts'
export type { TokenOptions, TokenPin } from './pkcs11/index.ts'
export { createSecretBox, MAX_SEALED_BYTES } from './secret-box.ts'
export {
  ECDSA_PURPOSES,
  type EcdsaPurpose,
  type EcdsaSignature,
  type EcdsaSigner,
  KEY_PURPOSES,
  type KeyAgreement,
  type KeyPurpose,
  type Purpose,
  SCHNORR_PURPOSES,
  type SchnorrPurpose,
  SECRET_PURPOSES,
  type SealRefusal,
  type SecretBox,
  type SecretPurpose,
  type Signer,
} from './signer.ts'
