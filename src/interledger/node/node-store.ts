/** What the node remembers in the database: peers, static routes, its address, payments. */
import type { Kysely, Transaction } from 'kysely'
import { AppError, type Clock } from '../../kernel/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import { holdsTerm, type LeaderTerm } from '../../platform/leadership/index.ts'
import type { PeerState, PeerTerms } from '../peer.ts'
import type { IlpActor } from './ilp-node.ts'
import { storedTerms, termsFrom } from './peer-terms.ts'
import './tables.ts'

/** Seals what the database is to keep and nobody is to read there. The context binds it to its row. */
export interface TokenSeal {
  seal(plaintext: Uint8Array, context: string): string
  /** Undefined when it was sealed by another key, for another row, or is damaged. */
  open(sealed: string, context: string): Buffer | undefined
}

/** Writes into the audit log, in the transaction of the change. */
export type RecordChange = (
  tx: Transaction<Tables>,
  change: IlpActor & { readonly action: string; readonly subject: string; readonly after?: string },
) => Promise<unknown>

export interface NodeStoreDeps {
  readonly db: Kysely<Tables>
  readonly seal: TokenSeal
  readonly clock: Clock
  readonly record: RecordChange
  /** When another process is the node by now, nothing is written. */
  readonly term: LeaderTerm
}

export interface StoredPeer {
  readonly terms: PeerTerms
  readonly state: PeerState
}

export interface StoredRoute {
  readonly prefix: string
  readonly peerId: string
}

export class NodeStore {
  readonly #deps: NodeStoreDeps

  constructor(deps: NodeStoreDeps) {
    this.#deps = deps
  }

  /**
   * All of them. One whose token was sealed by a key that is gone comes paused, with a token that no peer takes;
   * `onTokenLost` is told its id.
   */
  async peers(onTokenLost: (peerId: string) => void): Promise<readonly StoredPeer[]> {
    const rows = await this.#deps.db.selectFrom('ilp_peers').selectAll().orderBy('id').execute()
    return rows.map(({ id, state, terms, sealed_token, token_hash }) => {
      const tokenHash = token_hash === null ? undefined : token_hash.toString('hex')
      if (sealed_token === null) return { terms: termsFrom(terms, { token: undefined, tokenHash }), state }
      const token = this.#deps.seal.open(sealed_token, sealContext(id))?.toString()
      if (token === undefined) onTokenLost(id)
      return {
        terms: termsFrom(terms, { token: token ?? LOST_TOKEN, tokenHash }),
        state: token === undefined && state === 'active' ? 'paused' : state,
      }
    })
  }

  /** Adds or changes. `taken` when another peer shows the same token. */
  async putPeer({ terms, state }: StoredPeer, action: string, by: IlpActor): Promise<'done' | 'taken'> {
    const { json, token, tokenHash } = storedTerms(terms)
    const hash = tokenHash === undefined ? null : Buffer.from(tokenHash, 'hex')
    const values = {
      state,
      terms: json,
      sealed_token:
        token === undefined ? null : this.#deps.seal.seal(Buffer.from(token), sealContext(terms.id)),
      token_hash: hash,
      changed_at: BigInt(this.#deps.clock.nowMs()),
    }
    return this.#change(async (tx) => {
      if (hash !== null) {
        const other = await tx
          .selectFrom('ilp_peers')
          .select('id')
          .where('token_hash', '=', hash)
          .where('id', '<>', terms.id)
          .executeTakeFirst()
        if (other !== undefined) return 'taken'
      }
      await tx
        .insertInto('ilp_peers')
        .values({ id: terms.id, added_at: values.changed_at, ...values })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(values))
        .execute()
      await this.#deps.record(tx, { ...by, action, subject: terms.id, after: json })
      return 'done'
    })
  }

  async setState(id: string, state: PeerState, by: IlpActor): Promise<void> {
    await this.#change(async (tx) => {
      const changed_at = BigInt(this.#deps.clock.nowMs())
      await tx.updateTable('ilp_peers').set({ state, changed_at }).where('id', '=', id).execute()
      await this.#deps.record(tx, { ...by, action: 'ilp.peer.state', subject: id, after: state })
    })
  }

  async routes(): Promise<readonly StoredRoute[]> {
    const rows = await this.#deps.db
      .selectFrom('ilp_routes')
      .select(['prefix', 'peer_id'])
      .orderBy('prefix')
      .execute()
    return rows.map(({ prefix, peer_id }) => ({ prefix, peerId: peer_id }))
  }

  async putRoute({ prefix, peerId }: StoredRoute, by: IlpActor): Promise<void> {
    await this.#change(async (tx) => {
      await tx
        .insertInto('ilp_routes')
        .values({ prefix, peer_id: peerId, added_at: BigInt(this.#deps.clock.nowMs()) })
        .onConflict((conflict) => conflict.column('prefix').doUpdateSet({ peer_id: peerId }))
        .execute()
      await this.#deps.record(tx, { ...by, action: 'ilp.route.added', subject: prefix, after: peerId })
    })
  }

  /** False when there is none. */
  removeRoute(prefix: string, by: IlpActor): Promise<boolean> {
    return this.#change(async (tx) => {
      const { numDeletedRows } = await tx
        .deleteFrom('ilp_routes')
        .where('prefix', '=', prefix)
        .executeTakeFirst()
      if (numDeletedRows === 0n) return false
      await this.#deps.record(tx, { ...by, action: 'ilp.route.removed', subject: prefix })
      return true
    })
  }

  /** What a parent gave us last. */
  async inheritedAddress(): Promise<{ readonly address: string; readonly parent: string } | undefined> {
    return this.#deps.db.selectFrom('ilp_address').select(['address', 'parent']).executeTakeFirst()
  }

  async inheritAddress(address: string, parent: string): Promise<void> {
    await this.#change(async (tx) => {
      await tx
        .insertInto('ilp_address')
        .values({ only_row: true, address, parent })
        .onConflict((conflict) => conflict.column('only_row').doUpdateSet({ address, parent }))
        .execute()
    })
  }

  async #change<T>(write: (tx: Transaction<Tables>) => Promise<T>): Promise<T> {
    return this.#deps.db.transaction().execute(async (tx) => {
      if (!(await holdsTerm(tx, this.#deps.term)))
        throw new AppError('LEADERSHIP_LOST', 'Another process is the Interledger node by now.')
      return write(tx)
    })
  }
}

const LOST_TOKEN = 'lost'

function sealContext(id: string): string {
  return `ilp-peer:${id}`
}
