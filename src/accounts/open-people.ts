import { type Accounts, type AccountsDeps, createAccounts } from './accounts.ts'
import type { AccountsSettings } from './context.ts'
import type { MembershipSettings } from './membership/context.ts'
import { createMembership, type Membership, type MembershipDeps } from './membership/membership.ts'
import { createNames, type Names } from './names.ts'
import type { LevelChange } from './standing/level-of.ts'
import { createLevels, type Levels, type LevelsDeps } from './standing/levels.ts'
import { createSubscriptions, type Subscriptions } from './standing/subscriptions.ts'
import { createTrustedAuthors, type TrustedAuthors } from './standing/trusted-authors.ts'

/** Everything of this part, over one database. */
export interface People {
  readonly accounts: Accounts
  readonly membership: Membership
  readonly levels: Pick<Levels, 'changed' | 'refresh'>
  readonly trusted: TrustedAuthors
  readonly subscriptions: Subscriptions
  readonly names: Names
  /**
   * All levels of members, subscribers and trusted authors. To be asked before `start`, and whenever the relay has
   * forgotten what it was told: from then on only what differs is told.
   */
  currentLevels(): Promise<readonly LevelChange[]>
  /** Tells the relay all levels, has what the relay's store lacks published, and looks after both from then on. */
  start(): Promise<void>
  stop(): Promise<void>
}

export interface PeopleDeps
  extends Omit<AccountsDeps, 'settings' | 'bus'>,
    Pick<MembershipDeps, 'relaySigner' | 'publish' | 'find'>,
    Pick<LevelsDeps, 'onLevels'> {
  readonly bus: AccountsDeps['bus'] & LevelsDeps['bus']
  /** The section `accounts` of the configuration, as it is now. */
  readonly settings: () => AccountsSettings & MembershipSettings
}

/** Opens no connection and starts no timer before `start`. */
export function openPeople(deps: PeopleDeps): People {
  const levels = createLevels(deps)
  const accounts = createAccounts(deps)
  const membership = createMembership({ ...deps, levels })
  return {
    accounts,
    membership,
    levels,
    trusted: createTrustedAuthors({ ...deps, levels }),
    subscriptions: createSubscriptions({ ...deps, levels }),
    names: createNames(deps),
    currentLevels: () => levels.current(),
    async start() {
      levels.start()
      await levels.refresh()
      await membership.start()
    },
    async stop() {
      await accounts.stop()
      await membership.stop()
      await levels.stop()
    },
  }
}
