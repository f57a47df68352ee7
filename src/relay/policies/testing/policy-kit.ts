/** What the tests of this folder state only where it matters: settings, contexts, events, dependencies. */
import { defaultConfig } from '../../../config/index.ts'
import { createMemoryStore } from '../../../events/memory/index.ts'
import { createManualClock, type ManualClock } from '../../../kernel/index.ts'
import type { NostrEvent } from '../../../nostr/index.ts'
import { AccessLists } from '../../access-lists.ts'
import type { PolicySettings, RelaySettings } from '../../settings.ts'
import type { PolicyDeps, PolicyNotice, WriteContext } from '../policy.ts'

export const NOW_SECONDS = 1_700_000_000
export const ALICE = 'a1'.repeat(32)
export const BOB = 'b0'.repeat(32)
export const CAROL = 'c2'.repeat(32)

export type PolicyOverrides = { readonly [Name in keyof PolicySettings]?: Partial<PolicySettings[Name]> }

/** The defaults, with these parts of them replaced. */
export function testSettings(
  overrides: {
    readonly limits?: Partial<RelaySettings['limits']>
    readonly auth?: Partial<RelaySettings['auth']>
    readonly rates?: Partial<RelaySettings['rates']>
    readonly levels?: Partial<RelaySettings['levels']>
    readonly policies?: PolicyOverrides
  } = {},
): RelaySettings {
  const { relay } = defaultConfig()
  const policies: PolicySettings = { ...relay.policies }
  for (const [name, members] of Object.entries(overrides.policies ?? {})) {
    Object.assign(policies, { [name]: { ...policies[name as keyof PolicySettings], ...members } })
  }
  return {
    ...relay,
    limits: { ...relay.limits, ...overrides.limits },
    auth: { ...relay.auth, ...overrides.auth },
    rates: { ...relay.rates, ...overrides.rates },
    levels: { ...relay.levels, ...overrides.levels },
    policies,
  }
}

/** A stranger at 192.0.2.1 who has proved no key. */
export function testContext(members: Partial<WriteContext> = {}): WriteContext {
  return {
    origin: 'client',
    address: '192.0.2.1',
    pubkeys: [],
    level: 0,
    nowSeconds: NOW_SECONDS,
    ...members,
  }
}

let made = 0

/** A note of Alice's; every one has an id of its own, which is no hash. */
export function testEvent(members: Partial<NostrEvent> = {}): NostrEvent {
  made++
  return {
    id: `f${made.toString(16).padStart(63, '0')}`,
    pubkey: ALICE,
    created_at: NOW_SECONDS,
    kind: 1,
    tags: [],
    content: '',
    sig: '0'.repeat(128),
    ...members,
  }
}

/** Dependencies that are real and empty; the clock stands still. */
export function testDeps(members: Partial<PolicyDeps> = {}): PolicyDeps & {
  readonly clock: ManualClock
  readonly notices: PolicyNotice[]
} {
  const notices: PolicyNotice[] = []
  return {
    lists: new AccessLists(),
    store: createMemoryStore(),
    notify: (notice) => notices.push(notice),
    notices,
    ...members,
    clock: createManualClock(NOW_SECONDS * 1_000),
  }
}
