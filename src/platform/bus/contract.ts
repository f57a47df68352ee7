import { describe } from 'vitest'
import { claimFor, type MakeMembers } from './contract/claim.ts'
import { leaseClaims } from './contract/lease-claims.ts'
import { messageClaims } from './contract/message-claims.ts'
import { structureClaims } from './contract/structure-claims.ts'
import { tokenClaims } from './contract/token-claims.ts'
import { valueClaims } from './contract/value-claims.ts'

/**
 * What every bus promises, as a test suite: call it in a test file of the adapter. Each claim gets two members of a
 * fresh bus, as two processes have them.
 */
export function describeBusContract(name: string, makeMembers: MakeMembers): void {
  const claim = claimFor(makeMembers)
  describe(`${name}, as a bus`, () => {
    describe('messages', () => messageClaims(claim))
    describe('values', () => valueClaims(claim))
    describe('tokens', () => tokenClaims(claim))
    describe('sets and hashes', () => structureClaims(claim))
    describe('leases', () => leaseClaims(claim))
  })
}
