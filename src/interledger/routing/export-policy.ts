/** What we announce, and to whom. Pure. */
import { createHash, createHmac } from 'node:crypto'
import { isInPrefix } from '../packet/index.ts'
import type { PeerRelation } from '../peer.ts'
import { MAX_PATH_CHARACTERS, MAX_PATH_HOPS } from './ccp-packet.ts'
import { isBeyondScheme, schemeOf } from './local-routing.ts'
import { isSamePath, type Route } from './route.ts'

/** A route as we tell it, and where it leads: that decides who may hear of it. */
export interface Announcement {
  readonly prefix: string
  /** Our own address first. */
  readonly path: readonly string[]
  /** 32 bytes. */
  readonly auth: Buffer
  /** Undefined for our own address. */
  readonly via: { readonly peerId: string; readonly relation: PeerRelation } | undefined
}

export interface Origin {
  readonly ownAddress: string
  /** Only we know it. */
  readonly secret: Buffer
}

/**
 * What is announced of the best route to a prefix; undefined when nothing: everything and schemes are never announced
 * (that would draw all packets), nor what lies in our own address, since it comes to us already; nor paths that nobody
 * would take for their length.
 *
 * `auth` of a route that begins here is SHA-256(HMAC-SHA-256(secret, prefix)), and every node that passes it on hashes it
 * once more: who made it could show what it came from, and nobody can have it look shorter than it is. That is how
 * ilp-connector makes it; nobody checks it today.
 */
export function announcementOf(route: Route, { ownAddress, secret }: Origin): Announcement | undefined {
  const { prefix } = route
  if (route.source === 'own')
    return { prefix, path: [ownAddress], auth: sha256(rootOf(prefix, secret)), via: undefined }
  if (!isBeyondScheme(prefix) || schemeOf(prefix) !== schemeOf(ownAddress)) return undefined
  if (isInPrefix(prefix, ownAddress)) return undefined
  const { peerId, relation } = route
  const isLearned = route.source === 'learned'
  const path = isLearned ? [ownAddress, ...route.path] : [ownAddress]
  if (path.length > MAX_PATH_HOPS || charactersOf(path) > MAX_PATH_CHARACTERS) return undefined
  const auth = sha256(isLearned ? route.auth : rootOf(prefix, secret))
  return { prefix, path, auth, via: { peerId, relation } }
}

function rootOf(prefix: string, secret: Buffer): Buffer {
  return createHmac('sha256', secret).update(prefix).digest()
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function charactersOf(path: readonly string[]): number {
  return path.reduce((total, { length }) => total + length, 0)
}

export function isSameAnnouncement(a: Announcement | undefined, b: Announcement | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (a.via?.peerId !== b.via?.peerId || a.via?.relation !== b.via?.relation) return false
  return isSamePath(a.path, b.path) && a.auth.equals(b.auth)
}

export interface Hearer {
  readonly id: string
  readonly relation: PeerRelation
}

/**
 * May this neighbour hear of the route? Never of what leads to itself. Our own address and what children lead to is for
 * everybody, since they pay us for it; what peers and parents lead to is for children alone, or we would carry strangers'
 * packets to those whom we pay (Gao and Rexford). With `carriesPeerToPeer` peers hear of what peers lead to: then
 * nodes that are all peers reach each other over more than one of them.
 */
export function mayHear(
  { id, relation }: Hearer,
  { via }: Announcement,
  { carriesPeerToPeer }: { readonly carriesPeerToPeer: boolean },
): boolean {
  if (via === undefined) return true
  if (via.peerId === id) return false
  if (via.relation === 'child' || relation === 'child') return true
  return carriesPeerToPeer && via.relation === 'peer' && relation === 'peer'
}
