/** Who asks the observatory for what is theirs: alerts, webhooks, and what their API keys are subscribed to. */
import type { FastifyRequest } from 'fastify'
import type { Accounts } from './accounts/index.ts'
import type { Config } from './config/index.ts'
import { authorize, createIdentify, type Principal } from './console/index.ts'
import { accepted, type Outcome, type Refusal, refused, systemClock } from './kernel/index.ts'
import type { AlertCaller } from './observatory/alerts/index.ts'
import type { OwnedKey, SubscriptionCaller } from './observatory/api/index.ts'
import type { SignatureVerifier } from './platform/index.ts'

export interface CallersDeps {
  readonly config: () => { readonly relay: Pick<Config['relay'], 'publicUrl'> }
  /** Undefined until the database is ready. */
  readonly accounts: () =>
    | Pick<Accounts, 'rolesOf' | 'checkAccessToken' | 'checkApiKey' | 'findApiKey' | 'liveApiKeys'>
    | undefined
  readonly verifier: Pick<SignatureVerifier, 'verify'>
  /** Marks an event as used, for all processes; false when it was used before. */
  readonly claimOnce: (id: string, untilSeconds: number) => Promise<boolean>
}

type Identify<T> = (request: FastifyRequest) => Promise<Outcome<T, Refusal>>

export interface ObservatoryCallers {
  /** By the key that was proved first, or was linked first. Refused: `NOT_ALLOWED` for an account without a key. */
  readonly ofAlerts: Identify<AlertCaller>
  readonly ofSubscriptions: Identify<SubscriptionCaller>
  /** Undefined for one that there is not, and before accounts are open. */
  readonly findKey: (id: string) => Promise<OwnedKey | undefined>
}

/** Scope of API keys that may change alerts and webhooks of their owner; any key may read them. */
const ALERTS_SCOPE = 'alerts:write'

/** All of them by NIP-98, an access token or an API key. */
export function observatoryCallers(deps: CallersDeps): ObservatoryCallers {
  const identify = identifyOnce(deps)
  return {
    ofAlerts: async (request) => {
      const principal = await identify(request)
      return principal.ok ? alertCaller(principal.value, request.method !== 'GET') : principal
    },
    ofSubscriptions: async (request) => {
      const principal = await identify(request)
      return principal.ok ? accepted(subscriptionCaller(principal.value)) : principal
    },
    findKey: async (id) => {
      const accounts = deps.accounts()
      const [key, live] = await Promise.all([accounts?.findApiKey(id), accounts?.liveApiKeys([id])])
      if (key === undefined) return undefined
      return { id, name: key.name, owner: key.owner, isLive: live?.has(id) === true }
    },
  }
}

function alertCaller(principal: Principal, isChange: boolean): Outcome<AlertCaller, Refusal> {
  const [pubkey] = principal.pubkeys
  if (pubkey === undefined)
    return refused({ code: 'NOT_ALLOWED', text: 'link a Nostr key to your account first' })
  return accepted({
    pubkey,
    mayChange: mayChangeTheirs(principal),
    isOperator: authorize(principal, { need: 'operate', isChange }).ok,
  })
}

/**
 * An API key can do no more than it was made for, whoever's it is: not even with what is its owner's own. One that operates
 * the relay has alerts among what it operates.
 */
function mayChangeTheirs(principal: Principal): boolean {
  if (principal.via !== 'api-key' || principal.scopes?.includes(ALERTS_SCOPE) === true) return true
  return authorize(principal, { need: 'operate', isChange: true }).ok
}

function subscriptionCaller({ pubkeys, accountId, apiKey }: Principal): SubscriptionCaller {
  return {
    pubkeys,
    ...(accountId !== undefined && { accountId }),
    ...(apiKey !== undefined && { apiKeyId: apiKey.id }),
  }
}

/** What changes something is carried out once. */
function identifyOnce({ config, accounts, verifier, claimOnce }: CallersDeps): Identify<Principal> {
  const identify = createIdentify({
    knownAs: () => ({ publicUrl: config().relay.publicUrl, otherUrls: [] }),
    credentials: accounts,
    verifier,
    claimOnce,
    clock: systemClock,
  })
  return async (request) => {
    const found = await identify(request)
    if (!found.ok) return found
    const { principal, claim } = found.value
    if (request.method !== 'GET' && !(await claim()))
      return refused({ code: 'UNAUTHORIZED', text: 'this authorization was used before; sign a new one' })
    return accepted(principal)
  }
}
