/** How figures come in at the moment, in one word for people. */
import { signal } from '@preact/signals'
import type { Failure } from '../api/failure.ts'

export type Connection = 'connecting' | 'live' | 'polling' | 'paused' | 'offline'

export const connection = signal<Connection>('connecting')
/** Why the last question had no answer; undefined when it had one. */
export const failure = signal<Failure | undefined>(undefined)
