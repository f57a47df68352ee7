import type { Kysely, Transaction } from 'kysely'
import type { AuditLog } from '../audit/index.ts'
import type { Clock } from '../kernel/index.ts'
import type { UnverifiedHttpAuth } from '../nostr/index.ts'
import type { Bus } from '../platform/bus/index.ts'
import type { Tables } from '../platform/database/index.ts'
import type { Logger, SignatureVerifier } from '../platform/index.ts'
import type { Actor } from './actor.ts'
import {
  type ApiKey,
  checkApiKey,
  createApiKey,
  findApiKey,
  listApiKeys,
  liveApiKeys,
  type NewApiKey,
  type OwnedApiKey,
  revokeApiKey,
} from './api-keys.ts'
import { createBackground } from './background.ts'
import type { AccountsSettings } from './context.ts'
import {
  emailOfKey,
  type LinkedKey,
  type LinkKey,
  linkKey,
  listLinkedKeys,
  unlinkKey,
} from './linked-keys.ts'
import type { MailJob } from './mail/mail-queue.ts'
import type { Mailer } from './mail/mailer.ts'
import { sendPromisedMail, waitingMails } from './mail/promised-mails.ts'
import { createPasswords } from './passwords.ts'
import type { Owner, Principal } from './principal.ts'
import type { AccountOutcome } from './refusal.ts'
import { type ResetRequest, requestReset, resetPassword } from './reset-password.ts'
import {
  checkAccessToken,
  endSessions,
  refreshSession,
  type SessionTokens,
  signOut,
} from './sessions/sessions.ts'
import { createTokenKeys } from './sessions/token-keys.ts'
import { checkHttpAuth, signIn, signInByHttpAuth } from './sign-in.ts'
import { type Credentials, confirmEmail, signUp } from './sign-up.ts'
import {
  grantRole,
  listStaff,
  type Role,
  type RoleGrant,
  revokeRole,
  rolesOfKeys,
  type StaffMember,
} from './staff-roles.ts'
import { sweepExpired } from './sweep.ts'

/** Who people are, and what they may do. Whoever calls has read the request; here it is decided. */
export interface Accounts {
  /** Sends a mail to confirm the address; the answer does not say whether it has an account already. */
  signUp(credentials: Credentials): Promise<AccountOutcome<void>>
  /** @param token of the mail; makes the account. */
  confirmEmail(token: string): Promise<AccountOutcome<{ readonly accountId: string }>>
  signIn(credentials: Credentials): Promise<AccountOutcome<SessionTokens>>
  /** By a NIP-98 event that `readHttpAuth` has compared with its request; good once. */
  signInByHttpAuth(auth: UnverifiedHttpAuth): Promise<AccountOutcome<SessionTokens>>
  /** The next pair of tokens. The refresh token given is used up; shown again it ends the session. */
  refresh(refreshToken: string): Promise<AccountOutcome<SessionTokens>>
  signOut(refreshToken: string): Promise<void>
  /** Ends all sessions of an account or of a key. */
  signOutEverywhere(owner: Owner): Promise<void>
  requestReset(request: ResetRequest): Promise<AccountOutcome<void>>
  /** Sets the password and ends all sessions. */
  resetPassword(reset: { readonly token: string; readonly password: string }): Promise<AccountOutcome<void>>

  /** Links a key to an account, by a NIP-98 event of that key. */
  linkKey(link: LinkKey, by: Actor): Promise<AccountOutcome<{ readonly pubkey: string }>>
  unlinkKey(
    link: { readonly accountId: string; readonly pubkey: string },
    by: Actor,
  ): Promise<AccountOutcome<void>>
  /** The oldest link first. */
  listLinkedKeys(accountId: string): Promise<readonly LinkedKey[]>
  /** The confirmed address of the account that a key is linked to; undefined when there is none. */
  emailOf(pubkey: string): Promise<string | undefined>

  /** Who shows this access token (`Authorization: Bearer …`). */
  checkAccessToken(text: string): Promise<AccountOutcome<Principal>>
  /** Who signed this very request (`Authorization: Nostr …`); good once. */
  checkHttpAuth(auth: UnverifiedHttpAuth): Promise<AccountOutcome<Principal>>
  /** Who shows this API key. */
  checkApiKey(text: string): Promise<AccountOutcome<Principal>>
  createApiKey(
    wanted: NewApiKey,
    by: Actor,
  ): Promise<AccountOutcome<{ readonly id: string; readonly key: string }>>
  /** @param which with an owner, only a key of theirs. */
  revokeApiKey(
    which: { readonly id: string; readonly owner?: Owner },
    by: Actor,
  ): Promise<AccountOutcome<void>>
  listApiKeys(owner: Owner): Promise<readonly ApiKey[]>
  /** Whose a key is, revoked or not; undefined when there is none of this id. */
  findApiKey(id: string): Promise<OwnedApiKey | undefined>
  /** Which of these keys are neither revoked nor expired; a few hundred at a time. */
  liveApiKeys(ids: readonly string[]): Promise<ReadonlySet<string>>

  /** The most powerful first; empty for a stranger. */
  rolesOf(pubkey: string): Promise<readonly Role[]>
  grantRole(grant: RoleGrant, by: Actor): Promise<AccountOutcome<void>>
  revokeRole(grant: RoleGrant, by: Actor): Promise<AccountOutcome<void>>
  listStaff(): Promise<readonly StaffMember[]>

  /**
   * Sends a promised mail: what does the jobs of `MAIL_QUEUE` calls this. What it throws is to be tried again.
   *
   * @param complete ends the job, in the transaction that forgets the mail.
   */
  sendMail(job: MailJob, complete: (tx: Transaction<Tables>) => Promise<void>): Promise<void>
  /** Promised mails that are not sent yet, at most 1,000: each is to have a job. */
  waitingMails(): Promise<readonly MailJob[]>
  /** Removes what has expired; to be called now and then, from one process or several. */
  sweep(): Promise<void>
  /** Resolves when everything that was begun behind an answer is done. */
  settled(): Promise<void>
  /** Waits for what is under way. */
  stop(): Promise<void>
}

export interface AccountsDeps {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly audit: Pick<AuditLog, 'record'>
  /** For the rates of passwords and mails, which all processes share. */
  readonly bus: Pick<Bus, 'takeToken'>
  /** Used by whichever process does the jobs. */
  readonly mailer: Mailer
  /** Puts a job for `sendMail` into `MAIL_QUEUE`, in this transaction. */
  readonly enqueueMail: (tx: Transaction<Tables>, job: MailJob) => Promise<void>
  readonly verifier: Pick<SignatureVerifier, 'verify'>
  /** Marks a NIP-98 event as used, for all processes; false when it was used before. */
  readonly claimOnce: (id: string, untilSeconds: number) => Promise<boolean>
  readonly settings: () => AccountsSettings
  readonly logger: Logger
}

export function createAccounts(deps: AccountsDeps): Accounts {
  const { db, clock, settings, logger, mailer } = deps
  const background = createBackground(logger)
  const tokenKeys = createTokenKeys({
    db,
    clock,
    tokenLifetimeSeconds: () => settings().accessTokenMinutes * 60,
  })
  const context = { ...deps, background, tokenKeys, passwords: createPasswords() }

  return {
    signUp: (credentials) => signUp(context, credentials),
    confirmEmail: (token) => confirmEmail(context, token),
    signIn: (credentials) => signIn(context, credentials),
    signInByHttpAuth: (auth) => signInByHttpAuth(context, auth),
    refresh: (refreshToken) => refreshSession(context, refreshToken),
    signOut: (refreshToken) => signOut(context, refreshToken),
    signOutEverywhere: ({ accountId, pubkey }) =>
      endSessions(db, context, 'signed-out', (rows) =>
        accountId === undefined
          ? rows.where('pubkey', '=', pubkey ?? '')
          : rows.where('account_id', '=', accountId),
      ),
    requestReset: (request) => requestReset(context, request),
    resetPassword: (reset) => resetPassword(context, reset),
    linkKey: (link, by) => linkKey(context, link, by),
    unlinkKey: (link, by) => unlinkKey(context, link, by),
    listLinkedKeys: (accountId) => listLinkedKeys(context, accountId),
    emailOf: (pubkey) => emailOfKey(context, pubkey),
    checkAccessToken: (text) => checkAccessToken(context, text),
    checkHttpAuth: (auth) => checkHttpAuth(context, auth),
    checkApiKey: (text) => checkApiKey(context, text),
    createApiKey: (wanted, by) => createApiKey(context, wanted, by),
    revokeApiKey: (which, by) => revokeApiKey(context, which, by),
    listApiKeys: (owner) => listApiKeys(context, owner),
    findApiKey: (id) => findApiKey(context, id),
    liveApiKeys: (ids) => liveApiKeys(context, ids),
    rolesOf: (pubkey) => rolesOfKeys(db, [pubkey]),
    grantRole: (grant, by) => grantRole(context, grant, by),
    revokeRole: (grant, by) => revokeRole(context, grant, by),
    listStaff: () => listStaff(db),
    sendMail: (job, complete) => sendPromisedMail(context, job, complete),
    waitingMails: () => waitingMails(db, clock),
    sweep: () => sweepExpired(db, clock.nowSeconds()),
    settled: () => background.settled(),
    async stop() {
      await background.stop()
      mailer.close()
    },
  }
}
