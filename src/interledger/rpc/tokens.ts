/** Who a caller is, by its token. */
import { hash, timingSafeEqual } from 'node:crypto'
import { AppError } from '../../kernel/index.ts'
import type { IlpActor } from '../node/index.ts'
import { MAX_TOKEN_LENGTH, MIN_TOKEN_LENGTH } from './limits.ts'

export interface RpcToken {
  /** 32 to 500 characters. */
  readonly token: string
  /** Whom the audit log names for what is done with it. */
  readonly actor: IlpActor
}

/** Tokens are kept and compared as hashes: how long a comparison takes tells nothing of them. */
export class RpcTokens {
  readonly #known: readonly { readonly digest: Buffer; readonly actor: IlpActor }[]

  /** @throws AppError CONFIG_INVALID for a token that is too short or too long. */
  constructor(tokens: readonly RpcToken[]) {
    this.#known = tokens.map(({ token, actor }) => {
      if (token.length < MIN_TOKEN_LENGTH || token.length > MAX_TOKEN_LENGTH) {
        const range = `${MIN_TOKEN_LENGTH} to ${MAX_TOKEN_LENGTH}`
        throw new AppError(
          'CONFIG_INVALID',
          `interledger.rpcToken (or what rpcTokenFile holds) must have ${range} characters.`,
        )
      }
      return { digest: digestOf(token), actor }
    })
  }

  actorOf(token: string | undefined): IlpActor | undefined {
    if (token === undefined || token.length > MAX_TOKEN_LENGTH) return undefined
    const digest = digestOf(token)
    // All of them are compared, whichever fits.
    return this.#known.filter((known) => timingSafeEqual(known.digest, digest))[0]?.actor
  }
}

/** The token of an `Authorization` header (RFC 6750, section 2.1). */
export function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer +([^\s]+) *$/i.exec(header ?? '')?.[1]
}

function digestOf(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}
