/** The keys of this program as the configuration has them: files, a token, or given from outside. */
import { join, resolve } from 'node:path'
import type { Config } from './config/index.ts'
import type { Logger } from './platform/index.ts'
import {
  type GivenKey,
  type GivenKeys,
  type Keyring,
  openKeyring,
  type TokenOptions,
} from './signer/index.ts'

const KEYS_FOLDER = 'keys'

/** Nothing is read or made before a key is asked for. */
export function openConfiguredKeyring(config: Config, logger: Logger): Keyring {
  return openKeyring(keysFolder(config), {
    ...keySources(config),
    notify: ({ event, level, facts }) => logger[level](facts, event),
  })
}

export function keysFolder({ data }: Config): string {
  return join(resolve(data.dir), KEYS_FOLDER)
}

/** Where keys come from, and what locks their files. */
export function keySources({ signer }: Config): {
  readonly passphrase: string
  readonly pkcs11: TokenOptions | undefined
  readonly given: GivenKeys
} {
  const { passphrase, pkcs11Module, pkcs11TokenLabel, pkcs11Pin, pkcs11PinFile } = signer
  const pin = pkcs11Pin === '' ? { path: pkcs11PinFile } : { text: pkcs11Pin }
  const given = {
    relay: givenKey(signer.relayKey, signer.relayKeyFile),
    settlement: givenKey(signer.settlementKey, signer.settlementKeyFile),
    interledger: givenKey(signer.interledgerSecret, signer.interledgerSecretFile),
  }
  return {
    passphrase,
    pkcs11: pkcs11Module === '' ? undefined : { module: pkcs11Module, tokenLabel: pkcs11TokenLabel, pin },
    given: Object.fromEntries(Object.entries(given).filter(([, key]) => key !== undefined)),
  }
}

/** A key that the operator keeps elsewhere. */
function givenKey(text: string, path: string): GivenKey | undefined {
  if (text !== '') return { text }
  return path === '' ? undefined : { path }
}
