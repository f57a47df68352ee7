/** The published test vectors, as data files. */
import { readFileSync } from 'node:fs'
import type { WireEvent } from './event.ts'

export interface SerializationCase {
  readonly name: string
  readonly event: WireEvent
}

export interface PowCase {
  readonly id: string
  readonly difficulty: number
}

export interface HllCase {
  readonly filter: Readonly<Record<`#${string}`, readonly string[]>> & { readonly kinds: readonly number[] }
  readonly offset: number
  readonly hll: string
}

/** An exchange of NIP-77; items are numbers of `negentropyItem`. */
export interface NegentropyCase {
  readonly name: string
  readonly clientItems: readonly number[]
  readonly relayItems: readonly number[]
  readonly clientHas: readonly number[]
  readonly clientNeeds: readonly number[]
  /** Messages, hex. The relay's are one valid answer of many. */
  readonly exchange: readonly { readonly client: string; readonly relay: string }[]
}

/** 33 signed events whose strings and numbers sit at the edges of the format (NIP-01). */
export function serializationCases(): readonly SerializationCase[] {
  const file: { cases: SerializationCase[] } = read('../../../src/nostr/vectors/serialization.json')
  return file.cases
}

export function powCases(): readonly PowCase[] {
  return read('../../../src/nostr/vectors/pow.json')
}

/** Registers counted over the public keys of the secrets 1 … 50 (NIP-45). */
export function hllCases(): readonly HllCase[] {
  const file: { cases: HllCase[] } = read('../vectors/hll.json')
  return file.cases
}

/** Seven whole exchanges (NIP-77). */
export function negentropyCases(): readonly NegentropyCase[] {
  return read('../../../src/nostr/vectors/negentropy.json')
}

// The files are part of this repository: their shape is known, not checked again at run time.
function read<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
}
