/** What is removed and what is copied: `retention`, `backup`. */
import { z } from 'zod'
import { notes } from '../notes.ts'
import { count, kindRanges } from './values.ts'

export const retention = z
  .strictObject({
    rules: z
      .array(
        z
          .string()
          .regex(
            /^(\*|\d{1,5}(-\d{1,5})?|[0-9a-f]{64}): (keep|(days|hours|events|eventsPerKey)=[1-9]\d{0,11}( (days|hours|events|eventsPerKey)=[1-9]\d{0,11})*)$/,
          ),
      )
      .readonly()
      .default([])
      .register(notes, {
        says: 'What is removed, by kind, range of kinds, author or all (`*`): `7: days=90 events=1000000`, `30000-39999: eventsPerKey=500`, `*: days=365`; `<key>: keep` keeps everything. An event falls under the first rule that is for it.',
        reloadable: true,
      }),
    keepKinds: kindRanges.default([0, 3, 5, 62, 10002]).register(notes, {
      says: 'Kinds that neither rules nor the cap remove: profiles, follow and relay lists, and what keeps deleted events and vanished authors away (5, 62).',
      reloadable: true,
    }),
    maxDiskBytes: count.default(0).register(notes, {
      says: 'Disk space that the event store may take, for store.engine = "log"; above it the oldest events go. 0 means no cap.',
      reloadable: true,
    }),
    intervalSeconds: z.int().min(10).max(86_400).default(3600).register(notes, {
      says: 'How often the rules are applied.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'How long events are kept. Without rules and cap: for ever.' })

export const backup = z
  .strictObject({
    folder: z.string().default('').register(notes, {
      says: 'Where the running program keeps backups of itself, best on another disk; empty: nowhere.',
      reloadable: true,
    }),
    everyHours: z.int().min(1).max(8760).default(24).register(notes, {
      says: 'Hours from one backup to the next.',
      reloadable: true,
    }),
    keep: z.int().min(1).max(10_000).default(7).register(notes, {
      says: 'Backups that stay; older ones are removed after a new one is whole.',
      reloadable: true,
    }),
    withKeys: z.boolean().default(false).register(notes, {
      says: 'Put the key files in as well. Who can read the backup can then try passphrases on them, or needs none when signer.passphrase is empty.',
      reloadable: true,
    }),
  })
  .readonly()
  .register(notes, { says: 'Backups that the running program makes of itself.' })
