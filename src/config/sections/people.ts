/** Who comes and who decides: `accounts`, `moderation`. */
import { z } from 'zod'
import { notes } from '../notes.ts'
import { noValue, webUrl } from './values.ts'

export const accounts = z
  .strictObject({
    signUp: z.enum(['open', 'closed']).default('closed').register(notes, {
      says: 'Whether people can make an account by e-mail and password themselves. Signing in by a Nostr key needs none.',
      reloadable: true,
    }),
    accessTokenMinutes: z.int().min(1).max(60).default(10).register(notes, {
      says: 'How long an access token is good; after that a client takes a new one with its refresh token.',
      reloadable: true,
    }),
    sessionDays: z.int().min(1).max(365).default(30).register(notes, {
      says: 'After how long somebody has to sign in again, however often the session was used.',
      reloadable: true,
    }),
    confirmHours: z.int().min(1).max(168).default(24).register(notes, {
      says: 'How long the link in a mail that confirms an address is good.',
      reloadable: true,
    }),
    resetMinutes: z.int().min(5).max(1440).default(60).register(notes, {
      says: 'How long the link in a mail for a new password is good.',
      reloadable: true,
    }),
    webUrl: z
      .union([noValue, webUrl], { error: 'must be empty or an http(s) URL' })
      .default('')
      .register(notes, {
        says: 'Where links in mails lead: /confirm and /reset below it, the code behind a #. Empty: mails hold the bare code.',
        reloadable: true,
      }),
    smtpUrl: z
      .union([noValue, z.url({ protocol: /^smtps?$/ })], {
        error: 'must be empty or an smtp:// or smtps:// URL',
      })
      .default('')
      .register(notes, {
        says: 'Mail server, as smtps://user:password@host or smtp://host:587. Empty: mails are written into the folder `mail` in the data folder.',
        secret: true,
      }),
    mailFrom: z.string().min(3).max(320).default('Stoa <stoa@localhost>').register(notes, {
      says: 'Sender of mails.',
    }),
    invitesBy: z.enum(['members', 'staff', 'nobody']).default('members').register(notes, {
      says: 'Who is given a fresh invite when they ask the relay for one (NIP-43, kind 28935).',
      reloadable: true,
    }),
    inviteDays: z.int().min(1).max(365).default(7).register(notes, {
      says: 'How long such an invite is good.',
      reloadable: true,
    }),
    maxMembers: z.int().min(1).max(100_000).default(10_000).register(notes, {
      says: 'Members that the community may have; the list of them is one event (NIP-43, kind 13534).',
      reloadable: true,
    }),
    announceMembers: z.boolean().default(true).register(notes, {
      says: 'Also publish who came and who went, as events of their own (NIP-43, kinds 8000 and 8001).',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'Accounts, sessions, and the members of the community.' })

export const moderation = z
  .strictObject({
    maxEntries: z.int().min(1).max(1_000_000).default(100_000).register(notes, {
      says: 'Entries of all lists of banned, allowed and levelled keys, events, kinds and addresses together. Every thread of the relay holds them.',
    }),
    pollSeconds: z.int().min(1).max(3600).default(15).register(notes, {
      says: 'How often a process looks whether another one has decided something that it was not told of.',
    }),
    maxHeldEvents: z.int().min(1).max(100_000).default(10_000).register(notes, {
      says: 'Events that may wait for a moderator; one more is refused.',
    }),
    maxHeldPerAuthor: z.int().min(1).max(10_000).default(20).register(notes, {
      says: 'Events of one key that may wait for a moderator.',
    }),
    keepHeldDays: z.int().min(1).max(365).default(30).register(notes, {
      says: 'After how long an event that nobody looked at is forgotten; also how long a decision about one is remembered.',
    }),
    maxOpenReports: z.int().min(1).max(1_000_000).default(100_000).register(notes, {
      says: 'Reports (NIP-56) in the queue; beyond it only those of members and trusted keys are still queued. The events are stored in any case.',
    }),
    keepReportsDays: z.int().min(14).max(3650).default(90).register(notes, {
      says: 'How long a report that was decided about is remembered. Older ones in the event store are not queued.',
    }),
    memberWeight: z.int().min(1).max(1000).default(3).register(notes, {
      says: 'How much the report of a member or subscriber counts in the order of the queue; that of a stranger counts 1.',
    }),
    trustedWeight: z.int().min(1).max(1000).default(10).register(notes, {
      says: 'How much the report of a trusted key counts.',
    }),
  })
  .readonly()
  .register(notes, { says: 'What moderators look at, and what they decide.' })
