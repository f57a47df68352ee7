import type { Asset } from '../../kernel/index.ts'
import type { AccountId } from '../../ledger/index.ts'
import type { PacketId, PacketParty } from '../books.ts'

/** A party of a packet, and the account that its money is in. */
export interface Party {
  readonly party: PacketParty
  readonly account: AccountId
  /** Tells it from all others; ends with a character that no id begins with. */
  readonly key: string
}

/** What the peer owes us; negative: what we owe it. */
export function peerAccount(peerId: string, asset: Asset): AccountId {
  return { path: `assets/peer/${peerId}`, asset }
}

/** What we lost by Fulfills that came to the peer too late. */
export function lossAccount(peerId: string, asset: Asset): AccountId {
  return { path: `expenses/routing-loss/${peerId}`, asset }
}

export function peerParty(peerId: string, asset: Asset): Party {
  return { party: { kind: 'peer', peerId }, account: peerAccount(peerId, asset), key: `${peerId}/` }
}

export function accountParty(account: AccountId): Party {
  return { party: { kind: 'account', account }, account, key: `@${account.asset}/${account.path}/` }
}

/**
 * Tells a packet from all others that are under way: one to a peer by its id on the link there, one to an account by its
 * id on the link that it came from.
 */
export function packetKey(id: PacketId, from: Party, to: Party): string {
  if (to.party.kind === 'peer') return to.key + id
  return from.party.kind === 'peer' ? `<${from.key}${id}` : `=${id}`
}

/** How the peer that a packet came from names it; undefined when it came from none. */
export function incomingKey(from: Party, incomingId: PacketId): string | undefined {
  return from.party.kind === 'peer' && incomingId !== '' ? from.key + incomingId : undefined
}
