/** Who may do what. What is not named here is refused. */
import type { UsedApiKey } from '../audit/index.ts'
import { accepted, type Outcome, type Refusal, refused } from '../kernel/index.ts'
import type { Actor, Operator } from './operator.ts'

/** What a person must be at least: `moderate` is for moderators too, `operate` for operators and owners. */
export type Need = 'moderate' | 'operate'

/** Who asks, proved. `Principal` of src/accounts is one. */
export interface Principal {
  readonly via: 'session' | 'api-key' | 'http-auth' | 'cli'
  readonly accountId?: string
  /** Keys that are proved or linked; the one that was proved first. */
  readonly pubkeys: readonly string[]
  readonly roles: readonly string[]
  /** With `api-key`: what the key was made for. The roles alone allow nothing that is not in here. */
  readonly scopes?: readonly string[]
  /** With `api-key`: which one. */
  readonly apiKey?: UsedApiKey
}

/** Whoever can open the admin socket of this machine. */
export const CLI_PRINCIPAL: Principal = { via: 'cli', pubkeys: [], roles: ['cli'] }

/** Scopes of API keys that the console knows. */
export const CONSOLE_SCOPES = ['console:read', 'console:moderate', 'console:operate'] as const

/** The most powerful first. */
const NEEDS_OF_ROLE: readonly (readonly [role: string, needs: readonly Need[]])[] = [
  ['cli', ['moderate', 'operate']],
  ['owner', ['moderate', 'operate']],
  ['operator', ['moderate', 'operate']],
  ['moderator', ['moderate']],
]

const SCOPES_FOR: Readonly<Record<Need, readonly string[]>> = {
  moderate: ['console:moderate', 'console:operate'],
  operate: ['console:operate'],
}

/** Lets somebody do something; the refusal says what they lack. */
export function authorize(
  principal: Principal,
  { need, isChange }: { readonly need: Need; readonly isChange: boolean },
): Outcome<Actor, Refusal> {
  const role = NEEDS_OF_ROLE.find(([name, needs]) => principal.roles.includes(name) && needs.includes(need))
  if (role === undefined) {
    return notAllowed(
      need === 'operate' ? 'this takes an operator or owner' : 'this takes a moderator, operator or owner',
    )
  }
  const scopes = isChange ? SCOPES_FOR[need] : ['console:read', ...SCOPES_FOR[need]]
  if (principal.via === 'api-key' && !scopes.some((scope) => principal.scopes?.includes(scope))) {
    return notAllowed(`this takes an API key with the scope ${scopes[0]}`)
  }
  const { apiKey } = principal
  return accepted({ actor: nameOf(principal), role: role[0], ...(apiKey !== undefined && { apiKey }) })
}

/**
 * Whether somebody may decide against a key. A moderator may not against operators and owners: banned, these could not
 * use the relay that they are responsible for. Where nobody can say what a key is, a moderator has to wait.
 */
export async function mayJudge(
  { staff }: Pick<Operator, 'staff'>,
  { role }: Actor,
  pubkey: string,
): Promise<boolean> {
  if (role !== 'moderator') return true
  const roles = await staff()?.rolesOf(pubkey)
  return roles !== undefined && !roles.includes('owner') && !roles.includes('operator')
}

function nameOf({ via, pubkeys: [pubkey], accountId }: Principal): string {
  if (via === 'cli') return 'cli'
  return pubkey ?? `account:${accountId ?? 'unknown'}`
}

function notAllowed(text: string): { readonly ok: false; readonly refusal: Refusal } {
  return refused({ code: 'NOT_ALLOWED', text })
}
