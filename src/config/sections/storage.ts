/** Where things are kept: `data`, `store`, `redis`, `database`. */
import { z } from 'zod'
import { notes } from '../notes.ts'
import { atLeastOne, count, GIB, MIB, noValue } from './values.ts'

export const data = z
  .strictObject({
    dir: z.string().min(1).default('./data').register(notes, {
      says: 'Folder for everything Stoa keeps. A relative path starts at the folder the program was started in.',
    }),
  })
  .readonly()
  .register(notes, { says: 'Where Stoa keeps its files.' })

export const store = z
  .strictObject({
    engine: z.enum(['log', 'postgres']).default('log').register(notes, {
      says: 'Where events are kept: `log` in files of the data folder, for one process; `postgres` in the database, for as many as you like. Needs database.url and, for more than one process, redis.url.',
    }),
    segmentBytes: z
      .int()
      .min(MIB)
      .max(2 * GIB - 1)
      .default(128 * MIB)
      .register(notes, { says: 'A segment file of the event log is sealed at this size.' }),
    cacheBytes: count.default(512 * MIB).register(notes, { says: 'Raw events kept in memory.' }),
    indexBytes: count.default(GIB).register(notes, {
      says: 'Index kept in memory; older segments beyond it are read from disk.',
    }),
    sweepIntervalSeconds: atLeastOne.default(60).register(notes, {
      says: 'How often expired events (NIP-40) are removed; queries never show them in between.',
    }),
  })
  .readonly()
  .register(notes, { says: 'The event store.' })

const redisUrl = z.url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// URL' })

export const redis = z
  .strictObject({
    url: z
      .union([noValue, redisUrl], { error: 'must be empty or a redis:// or rediss:// URL' })
      .default('')
      .register(notes, {
        says: 'Redis (7 or newer) that several processes of one Stoa share, for example redis://:password@redis.internal:6379/0; empty: this process is alone and needs none.',
        secret: true,
      }),
    prefix: z
      .string()
      .max(100)
      .regex(/^[\x21-\x7e]*$/, 'must be printable ASCII without spaces')
      .default('')
      .register(notes, {
        says: 'Stands before every key and channel in Redis, for example `stoa:`, when others use the same one.',
      }),
  })
  .readonly()
  .register(notes, { says: 'What several processes share while they run.' })

export const database = z
  .strictObject({
    url: z
      .union([noValue, z.string().regex(/^postgres(ql)?:\/\/\S+$/)], {
        error: 'must be empty or a postgresql:// URL',
      })
      .default('')
      .register(notes, {
        says: 'PostgreSQL 15 or newer, as postgresql://user:password@host:5432/name. Empty: the program starts one of its own, with its files in the data folder.',
        secret: true,
      }),
    poolSize: z.int().min(2).max(500).default(10).register(notes, {
      says: 'Connections to the database that one process holds at most; a few more are for jobs.',
    }),
    statementTimeoutSeconds: count.default(30).register(notes, {
      says: 'The database gives up a statement that takes longer; 0 means never.',
    }),
    connectTimeoutSeconds: atLeastOne.default(5).register(notes, {
      says: 'How long to wait for a connection, new or free, before a request fails.',
    }),
  })
  .readonly()
  .register(notes, { says: 'The database of everything that is not an event of the relay.' })
