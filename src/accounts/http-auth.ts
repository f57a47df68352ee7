import { accepted } from '../kernel/index.ts'
import type { UnverifiedHttpAuth } from '../nostr/index.ts'
import type { SignatureVerifier } from '../platform/index.ts'
import { type AccountOutcome, refuse } from './refusal.ts'

export interface HttpAuthDeps {
  readonly verifier: Pick<SignatureVerifier, 'verify'>
  /**
   * Marks the event as used; false when it was used before, here or in another process.
   *
   * @param untilSeconds when the event can no longer be used anyway.
   */
  readonly claimOnce: (id: string, untilSeconds: number) => Promise<boolean>
}

/** The key that a NIP-98 event proves, when its signature holds and it is seen for the first time. */
export async function provenKey(
  { verifier, claimOnce }: HttpAuthDeps,
  { event, staleFromSeconds }: UnverifiedHttpAuth,
): Promise<AccountOutcome<string>> {
  // The signature first: otherwise anybody could use up the id of an event that was seen passing by.
  if (!verifier.verify(event.id, event.pubkey, event.sig)) {
    return refuse('SIGN_IN_REFUSED', 'the signature of the event does not hold')
  }
  const isFirst = await claimOnce(event.id, staleFromSeconds)
  return isFirst
    ? accepted(event.pubkey)
    : refuse('SIGN_IN_REFUSED', 'this event was used before, sign a new one')
}
