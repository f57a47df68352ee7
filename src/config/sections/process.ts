/** The process itself: `process`, `signer`, `log`. */
import { z } from 'zod'
import { notes } from '../notes.ts'
import { noValue } from './values.ts'

export const thisProcess = z
  .strictObject({
    roles: z
      .array(z.enum(['relay', 'api', 'jobs', 'ilp', 'collector']))
      .readonly()
      .default(['relay', 'api', 'jobs', 'ilp', 'collector'])
      .register(notes, {
        says: 'What this process does: `relay` serves Nostr clients, `api` serves operators over HTTP, `jobs` does what is done once for all, `ilp` is the Interledger node (one process at a time, others stand by), `collector` watches relays for the observatory (relays are split between processes). Processes that share the work need store.engine = "postgres".',
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
    settlementKey: z.string().default('').register(notes, {
      says: 'The key that settles with peers (secp256k1, hex); empty: one is made, in the token when there is one.',
      secret: true,
    }),
    settlementKeyFile: z.string().default('').register(notes, {
      says: 'A file with that key.',
    }),
    interledgerSecret: z.string().default('').register(notes, {
      says: 'What tokens of peers are sealed with and payment addresses are made of: 64 hex characters, as `openssl rand -hex 32` makes them. Empty: one is made and kept in the data folder. Processes of role `ilp` that share a database need the same.',
      secret: true,
    }),
    interledgerSecretFile: z.string().default('').register(notes, {
      says: 'A file with that secret.',
    }),
    pkcs11Module: z
      .union([noValue, z.string().startsWith('/', 'must be an absolute path')])
      .default('')
      .register(notes, {
        says: 'The library of a PKCS#11 token (an HSM), like /usr/lib/softhsm/libsofthsm2.so. The token then locks the key files in place of a passphrase, and keeps the settlement key itself.',
      }),
    pkcs11TokenLabel: z.string().default('').register(notes, { says: 'What the token is called.' }),
    pkcs11Pin: z.string().default('').register(notes, { says: "The token's PIN.", secret: true }),
    pkcs11PinFile: z.string().default('').register(notes, { says: 'A file with the PIN.' }),
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
