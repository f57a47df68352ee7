/**
 * Every setting Stoa has, declared once: type, bounds, default, a sentence. The sample file, the reference page,
 * the error text and the TypeScript type all come out of this schema. A number's unit stands in its name. Each file of
 * `sections/` has a few of its sections.
 */
import { z } from 'zod'
import { interledger } from './sections/interledger.ts'
import { observatory } from './sections/observatory.ts'
import { accounts, moderation } from './sections/people.ts'
import { log, signer, thisProcess } from './sections/process.ts'
import { relay } from './sections/relay.ts'
import { settlement } from './sections/settlement.ts'
import { data, database, redis, store } from './sections/storage.ts'
import { backup, retention } from './sections/upkeep.ts'

/** The whole configuration. Parsing a complete object with it also freezes it. */
export const configSchema = z
  .strictObject({
    data,
    process: thisProcess,
    relay,
    store,
    redis,
    database,
    signer,
    accounts,
    retention,
    backup,
    moderation,
    interledger,
    settlement,
    observatory,
    log,
  })
  .readonly()

export type Config = z.output<typeof configSchema>
