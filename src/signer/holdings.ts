import { ecdsaPublicKeyOf } from './ecdsa-signer.ts'
import type { Holding } from './key-file.ts'
import { publicKeyOf, randomSecretKey } from './schnorr-signer.ts'
import { randomSecret } from './secret-box.ts'
import {
  ECDSA_PURPOSES,
  type EcdsaPurpose,
  KEY_PURPOSES,
  type KeyPurpose,
  type Purpose,
  SECRET_PURPOSES,
} from './signer.ts'

/** Something that has a file in the folder: a key or another secret. */
export interface KeptHolding extends Holding {
  readonly purpose: Purpose
  /** Name of its file. */
  readonly name: string
  /** A new one. */
  make(): Uint8Array
}

export function holdingFor(purpose: Purpose): KeptHolding {
  if (!isKeyPurpose(purpose)) return { purpose, name: `${purpose}.secret.json`, make: randomSecret }
  const name = `${purpose}.key.json`
  if (isEcdsaPurpose(purpose)) return { purpose, name, publicKeyOf: ecdsaPublicKeyOf, make: randomSecretKey }
  return { purpose, name, publicKeyOf, make: randomSecretKey }
}

export const ALL_HOLDINGS: readonly KeptHolding[] = [...KEY_PURPOSES, ...SECRET_PURPOSES].map(holdingFor)

export function isEcdsaPurpose(purpose: Purpose): purpose is EcdsaPurpose {
  return ECDSA_PURPOSES.some((known) => known === purpose)
}

function isKeyPurpose(purpose: Purpose): purpose is KeyPurpose {
  return KEY_PURPOSES.some((known) => known === purpose)
}
