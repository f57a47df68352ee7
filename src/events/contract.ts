import { describe } from 'vitest'
import { audienceClaims } from './contract/audience-claims.ts'
import { batchClaims } from './contract/batch-claims.ts'
import { claimFor } from './contract/claim.ts'
import { cursorClaims } from './contract/cursor-claims.ts'
import { deletionClaims } from './contract/deletion-claims.ts'
import { durabilityClaims } from './contract/durability-claims.ts'
import { expirationClaims } from './contract/expiration-claims.ts'
import { filterClaims } from './contract/filter-claims.ts'
import { idSetClaims } from './contract/id-set-claims.ts'
import { orderClaims } from './contract/order-claims.ts'
import { removalClaims } from './contract/removal-claims.ts'
import { replacementClaims } from './contract/replacement-claims.ts'
import { searchClaims } from './contract/search-claims.ts'
import { sketchClaims } from './contract/sketch-claims.ts'
import { storageClaims } from './contract/storage-claims.ts'
import { vanishClaims } from './contract/vanish-claims.ts'
import type { MakeStore } from './testing/index.ts'

/**
 * What every event store engine promises, as a test suite: call it in a test file of the engine. Each claim
 * gets a fresh store. Claims about opening the same data again are skipped when `makeStore` gives no
 * `reopen`.
 *
 * @example describeEventStoreContract('the memory store', async () => ({ store: createMemoryStore(), dispose }))
 */
export function describeEventStoreContract(name: string, makeStore: MakeStore): void {
  const claim = claimFor(makeStore)
  describe(`${name}, as an event store`, () => {
    describe('storing', () => storageClaims(claim))
    describe('replacing (NIP-01)', () => replacementClaims(claim))
    describe('deleting (NIP-09)', () => deletionClaims(claim))
    describe('expiring (NIP-40)', () => expirationClaims(claim))
    describe('vanishing (NIP-62)', () => vanishClaims(claim))
    describe('batches', () => batchClaims(claim))
    describe('filters', () => filterClaims(claim))
    describe('order and limits', () => orderClaims(claim))
    describe('cursors', () => cursorClaims(claim))
    describe('readers', () => audienceClaims(claim))
    describe('counts with registers (NIP-45)', () => sketchClaims(claim))
    describe('sets of ids (NIP-77)', () => idSetClaims(claim))
    describe('search (NIP-50)', () => searchClaims(claim))
    describe('removing', () => removalClaims(claim))
    describe('opening again', () => durabilityClaims(claim))
  })
}
