/** The process itself: `process`, `signer`, `log`. */
import { z } from 'zod'
import { notes } from '../notes.ts'

export const thisProcess = z
  .strictObject({
    roles: z
      .array(z.enum(['relay', 'api', 'jobs']))
      .readonly()
      .default(['relay', 'api', 'jobs'])
      .register(notes, {
        says: 'What this process does: `relay` serves Nostr clients, `api` serves operators over HTTP, `jobs` does what is done once for all. Processes that share the work need store.engine = "postgres".',
      }),
  })
  .readonly()
  .register(notes, { says: 'This process among those of one Stoa.' })

export const signer = z
  .strictObject({
    passphrase: z.string().default('').register(notes, {
      says: 'Locks the key files in the data folder; empty: a random file beside them does, which protects from little.',
      secret: true,
    }),
    relayKey: z.string().default('').register(notes, {
      says: "The relay's own key, nsec or hex; empty: one is made and kept in the data folder.",
      secret: true,
    }),
    relayKeyFile: z.string().default('').register(notes, {
      says: "A file with the relay's own key, nsec or hex, as containers are given secrets.",
    }),
  })
  .readonly()
  .register(notes, { says: 'Keys that Stoa signs with.' })

export const log = z
  .strictObject({
    level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info').register(notes, {
      says: 'The least important line that is written.',
      reloadable: true,
    }),
    format: z.enum(['auto', 'json', 'pretty']).default('auto').register(notes, {
      says: '`json` for machines, `pretty` for people, `auto` decides by whether a terminal is watching.',
    }),
  })
  .readonly()
  .register(notes, { says: 'The log, on standard error.' })
