import { type CryptoKey, exportJWK, generateKeyPair, importJWK } from 'jose'
import type { Kysely } from 'kysely'
import type { Clock } from '../../kernel/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import { randomId } from '../secrets.ts'

/**
 * Keys of access tokens. Each process makes an Ed25519 key of its own, keeps the secret half in memory, and writes the
 * public half into the database, where the other processes, and itself after a restart, find it: so no secret that signs
 * tokens is at rest anywhere.
 */
export interface TokenKeys {
  /** The key to sign with; a new one when there is none, or when it has grown old. */
  current(): Promise<SigningKey>
  /** Undefined when there is no such key, or its tokens are all past. */
  publicKeyOf(id: string): Promise<CryptoKey | undefined>
}

export interface SigningKey {
  readonly id: string
  readonly privateKey: CryptoKey
}

const KEY_LIFETIME_SECONDS = 24 * 3600
/** Public keys remembered: those of many processes and restarts within a day. */
const MAX_REMEMBERED = 200

interface MadeKey extends SigningKey {
  readonly signsUntilSeconds: number
}

interface RememberedKey {
  readonly publicKey: CryptoKey
  readonly expiresAtSeconds: number
}

export interface TokenKeysDeps {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  /** The public half is kept so long after its key signs no more. */
  readonly tokenLifetimeSeconds: () => number
}

export function createTokenKeys({ db, clock, tokenLifetimeSeconds }: TokenKeysDeps): TokenKeys {
  const remembered = new Map<string, RememberedKey>()
  let making: Promise<MadeKey> | undefined
  let made: MadeKey | undefined

  const remember = (id: string, key: RememberedKey) => {
    if (remembered.size >= MAX_REMEMBERED) {
      const [oldest] = remembered.keys()
      if (oldest !== undefined) remembered.delete(oldest)
    }
    remembered.set(id, key)
  }

  const make = async (): Promise<MadeKey> => {
    const { privateKey, publicKey } = await generateKeyPair('EdDSA')
    const id = randomId()
    const signsUntilSeconds = clock.nowSeconds() + KEY_LIFETIME_SECONDS
    const expiresAtSeconds = signsUntilSeconds + tokenLifetimeSeconds()
    await db
      .insertInto('account_token_keys')
      .values({
        id,
        public_jwk: JSON.stringify(await exportJWK(publicKey)),
        expires_at: BigInt(expiresAtSeconds),
      })
      .execute()
    remember(id, { publicKey, expiresAtSeconds })
    return { id, privateKey, signsUntilSeconds }
  }

  const find = async (id: string): Promise<RememberedKey | undefined> => {
    const known = remembered.get(id)
    if (known !== undefined) return known
    const row = await db
      .selectFrom('account_token_keys')
      .select(['public_jwk', 'expires_at'])
      .where('id', '=', id)
      .executeTakeFirst()
    if (row === undefined) return undefined
    const publicKey = await importJWK(JSON.parse(row.public_jwk), 'EdDSA')
    if (publicKey instanceof Uint8Array) return undefined
    const found = { publicKey, expiresAtSeconds: Number(row.expires_at) }
    remember(id, found)
    return found
  }

  return {
    async current() {
      if (made !== undefined && clock.nowSeconds() < made.signsUntilSeconds) return made
      // Who comes while one is being made waits for that one.
      making ??= make().finally(() => {
        making = undefined
      })
      made = await making
      return made
    },
    async publicKeyOf(id) {
      const found = await find(id)
      return found !== undefined && clock.nowSeconds() < found.expiresAtSeconds ? found.publicKey : undefined
    },
  }
}
