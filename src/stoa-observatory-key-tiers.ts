/** The tiers of API keys as operators see and change them. */
import type { OwnedApiKey } from './accounts/index.ts'
import type { KeySubscription, ObservatoryDesk } from './console/index.ts'
import { accepted, type Outcome, type Refusal, refused } from './kernel/index.ts'
import type { ApiTiers } from './observatory/api/index.ts'
import { NOT_READY, writeDown } from './stoa-audit.ts'
import type { Office } from './stoa-office.ts'

export interface KeyTiersDeps {
  readonly office: () => Office | undefined
  /** Undefined until the database is ready. */
  readonly tiers: () => ApiTiers | undefined
}

export function keyTiers({ office, tiers: tiersNow }: KeyTiersDeps): ObservatoryDesk['tiers'] {
  /** A key that there is, and the tiers of all. */
  const withKey = async <T>(
    keyId: string,
    act: (tiers: ApiTiers, key: OwnedApiKey) => Promise<Outcome<T, Refusal>>,
  ): Promise<Outcome<T, Refusal>> => {
    const [tiers, accounts] = [tiersNow(), office()?.people()?.accounts]
    if (tiers === undefined || accounts === undefined) return NOT_READY
    const key = await accounts.findApiKey(keyId)
    return key === undefined
      ? refused({ code: 'NOT_FOUND', text: `there is no API key ${keyId}` })
      : act(tiers, key)
  }
  return {
    show: (keyId) => withKey(keyId, async (tiers, key) => accepted(await subscriptionShown(tiers, key))),
    subscribe: ({ keyId, tier }, by) =>
      withKey(keyId, async (tiers, key) => {
        const payer = payerOf(key)
        if (key.revokedAtSeconds !== undefined)
          return refused({ code: 'NOT_FOUND', text: `the API key ${keyId} was revoked` })
        if (payer === undefined)
          return refused({ code: 'INVALID', text: 'no Nostr key is linked to the account of this API key' })
        const subscribed = await tiers.subscribe(keyId, payer, tier)
        if (!subscribed.ok) return subscribed
        const { fromMonth } = subscribed.value
        const after = { tier, fromMonth, owner: payer }
        await writeDown(office(), { ...by, action: 'observatory.tier_subscribed', subject: keyId, after })
        return subscribed
      }),
    end: (keyId, by) =>
      withKey(keyId, async (tiers) => {
        const ended = await tiers.end(keyId)
        if (ended.ok) await writeDown(office(), { ...by, action: 'observatory.tier_ended', subject: keyId })
        return ended
      }),
  }
}

/** Whose relay credit pays: the key that it was made with, or the first that was linked to its account. */
function payerOf({ owner, ownerPubkeys }: OwnedApiKey): string | undefined {
  return owner.pubkey ?? ownerPubkeys[0]
}

async function subscriptionShown(tiers: ApiTiers, key: OwnedApiKey): Promise<KeySubscription> {
  const [now, subscription] = await Promise.all([tiers.tierOf(key.id), tiers.subscription(key.id)])
  const owner = subscription?.owner ?? payerOf(key)
  return {
    keyId: key.id,
    keyName: key.name,
    ...(owner !== undefined && { owner }),
    isRevoked: key.revokedAtSeconds !== undefined,
    tier: now.name,
    requestsPer15Minutes: now.requestsPer15Min,
    ...(subscription !== undefined && {
      subscription: {
        tier: subscription.tier,
        state: subscription.state,
        ...(subscription.paidTier !== undefined && { paidTier: subscription.paidTier }),
        ...(subscription.paidMonth !== undefined && { paidMonth: subscription.paidMonth }),
      },
    }),
  }
}
