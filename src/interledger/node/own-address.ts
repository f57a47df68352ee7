import type { Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import { requestIldcp } from '../ildcp/index.ts'
import { ilpAssetOf } from '../ilp-asset.ts'
import type { Link } from '../link.ts'
import type { PeerTerms } from '../peer.ts'
import type { NodeStore } from './node-store.ts'

export interface OwnAddressDeps {
  /** By the operator; empty when it is to be inherited or made. */
  readonly configured: string
  /** When neither the operator nor a parent gives one. */
  readonly fallback: string
  readonly parent: () => PeerTerms | undefined
  readonly store: Pick<NodeStore, 'inheritedAddress' | 'inheritAddress'>
  readonly onChange: () => void
  readonly clock: Clock
  readonly logger: Logger
}

const ASK_AGAIN_MS = 10_000

/** The node's ILP address: configured, inherited from a parent (RFC-0031), or its own in `private.`. */
export class OwnAddress {
  readonly #deps: OwnAddressDeps
  #inherited: { readonly address: string; readonly parent: string } | undefined
  #retry: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(deps: OwnAddressDeps) {
    this.#deps = deps
  }

  /** What a parent said last, from an earlier run. */
  async restore(): Promise<void> {
    this.#inherited = await this.#deps.store.inheritedAddress()
  }

  /** Undefined while a parent has not given one. */
  current(): string | undefined {
    const { configured, fallback, parent } = this.#deps
    if (configured !== '') return configured
    const from = parent()
    if (from === undefined) return fallback
    return this.#inherited?.parent === from.id ? this.#inherited.address : undefined
  }

  /** The link to the parent is open: it is asked, until it has answered. */
  askParent(link: Link): void {
    clearTimeout(this.#retry)
    const parent = this.#deps.parent()
    if (this.#isStopped || this.#deps.configured !== '' || parent === undefined) return
    void this.#ask(link, parent).then((isDone) => {
      if (isDone || this.#isStopped || !link.isConnected) return
      this.#retry = setTimeout(() => this.askParent(link), ASK_AGAIN_MS)
    })
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#retry)
  }

  async #ask(link: Link, parent: PeerTerms): Promise<boolean> {
    const { clock, logger, store, onChange } = this.#deps
    const answer = await requestIldcp((prepare) => link.send(prepare), clock)
    const facts = { peerId: parent.id }
    if (!answer.ok) {
      logger.warn({ ...facts, why: answer.refusal.text }, 'interledger.address_not_told')
      return false
    }
    const { address, asset } = answer.value
    const ours = ilpAssetOf(parent.asset)
    if (asset.code !== ours.code || asset.scale !== ours.scale) {
      const told = `${asset.code}/${asset.scale}`
      logger.error({ ...facts, told, ours: `${ours.code}/${ours.scale}` }, 'interledger.parent_asset_differs')
      return true
    }
    if (this.#inherited?.address === address && this.#inherited.parent === parent.id) return true
    try {
      await store.inheritAddress(address, parent.id)
    } catch (err) {
      logger.warn({ err }, 'interledger.address_not_stored')
      return false
    }
    this.#inherited = { address, parent: parent.id }
    logger.info({ ...facts, address }, 'interledger.address_inherited')
    onChange()
    return true
  }
}
