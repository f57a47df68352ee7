import { createHash } from 'node:crypto'
import type { Asset } from '../../../kernel/index.ts'
import type { PeerLinkSettings, PeerTerms } from '../../peer.ts'
import type { OpenedNode } from '../opened-node.ts'

const BY = { actor: 'cli', role: 'cli' }

export function tokenHashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/** Terms that let through whatever a test does. */
export function peerTerms(
  id: string,
  asset: Asset,
  link: PeerLinkSettings,
  others: Partial<PeerTerms> = {},
): PeerTerms {
  return {
    id,
    asset,
    link,
    relation: 'peer',
    limits: {
      maxReceivable: 10n ** 15n,
      maxPayable: 10n ** 15n,
      maxPacketAmount: 10n ** 12n,
      maxPacketsPerSecond: 1_000_000,
      maxInFlight: 10_000,
      minMessageWindowMs: 1_000,
    },
    settlement: { rail: undefined, threshold: 0n, target: 0n },
    exchangesRoutes: true,
    ...others,
  }
}

/** @throws Error when the node refuses. */
export async function addPeer({ node }: OpenedNode, terms: PeerTerms): Promise<void> {
  const added = await node.peers.add(terms, BY)
  if (!added.ok) throw new Error(added.refusal.text)
}
