import { describe } from 'vitest'
import { channelClaims } from './contract/channel-claims.ts'
import { claimFor, type MakeNetwork } from './contract/claim.ts'
import { faultClaims } from './contract/fault-claims.ts'
import { forgeryClaims } from './contract/forgery-claims.ts'
import { paymentClaims } from './contract/payment-claims.ts'

/**
 * What every settlement rail promises, as a test suite: two nodes with databases of their own settle over it, as in the
 * running program. Claims about what a rail has not (channels, direct payments) are skipped.
 *
 * @example describeRailContract('the stub', () => stubNetwork())
 */
export function describeRailContract(name: string, makeNetwork: MakeNetwork): void {
  const claim = claimFor(makeNetwork)
  describe(`${name}, as a settlement rail`, () => {
    describe('payments', () => paymentClaims(claim))
    describe('channels', () => channelClaims(claim))
    describe('claims that must be refused', () => forgeryClaims(claim))
    describe('restarts', () => faultClaims(claim))
  })
}
