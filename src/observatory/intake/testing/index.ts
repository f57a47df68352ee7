/** What tests of the intake share: authors who sign, relays that note what is held against them, frames. */

import { schnorr } from '@noble/curves/secp256k1.js'
import { createManualClock, type ManualClock } from '../../../kernel/index.ts'
import {
  type EventSigner,
  finalizeEvent,
  type NostrEvent,
  type UnsignedTemplate,
} from '../../../nostr/index.ts'
import { createSignatureVerifier } from '../../../platform/index.ts'
import type { RelayFeed } from '../../event-intake.ts'
import type { Observation } from '../../observation.ts'
import type { ObservationBatch } from '../../observation-batch.ts'
import type { Offence } from '../../relay-report.ts'
import { createIntake, DEFAULT_INTAKE_LIMITS, type IntakeDeps, type IntakeLimits } from '../index.ts'

export const NOW_SECONDS = 1_790_000_000

/** The same key for the same number. */
export function testSigner(number: number): EventSigner {
  const secretKey = Buffer.alloc(32)
  secretKey.writeUInt32BE(number + 1, 28)
  return {
    publicKey: Buffer.from(schnorr.getPublicKey(secretKey)).toString('hex'),
    signSchnorr: (hash) => schnorr.sign(hash, secretKey),
  }
}

/** A signed event that states only what matters. */
export function signedEvent(
  members: Partial<UnsignedTemplate> & { readonly by?: number } = {},
): Promise<NostrEvent> {
  const { by = 0, ...template } = members
  return finalizeEvent(
    { kind: 1, created_at: NOW_SECONDS, tags: [], content: '', ...template },
    testSigner(by),
  )
}

export function frameOf(event: NostrEvent, subscription = 's'): Buffer {
  return Buffer.from(JSON.stringify(['EVENT', subscription, event]))
}

export interface TestFeed extends RelayFeed {
  readonly offences: Offence[]
}

export function testFeed(relay: number, isAsked: RelayFeed['isAsked'] = () => true): TestFeed {
  const offences: Offence[] = []
  return { relay, isAsked, offences, offend: (offence) => offences.push(offence) }
}

export type TestIntake = ReturnType<typeof createIntake> & { readonly clock: ManualClock }

export async function testIntake(
  deps: Partial<Omit<IntakeDeps, 'limits' | 'clock'>> & { readonly limits?: Partial<IntakeLimits> } = {},
): Promise<TestIntake> {
  const clock = createManualClock(NOW_SECONDS * 1_000)
  const limits = { ...DEFAULT_INTAKE_LIMITS, maxSeenEvents: 20_000, maxAuthors: 20_000, ...deps.limits }
  const verifier = deps.verifier ?? (await createSignatureVerifier('auto'))
  return Object.assign(createIntake({ ...deps, verifier, clock, limits }), { clock })
}

export function rowsOf(batch: ObservationBatch): Observation[] {
  return Array.from({ length: batch.count }, (_, row) => batch.at(row))
}
