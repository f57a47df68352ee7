/** How debts between peers are paid: `settlement`. */
import { z } from 'zod'
import { notes } from '../notes.ts'
import { noValue, webUrl } from './values.ts'

const MIN_TOKEN_LENGTH = 32

export const settlement = z
  .strictObject({
    stubChain: z.string().default('').register(notes, {
      says: 'A file of the stub rail, a chain for trying out on one machine: it moves no money. Nodes that name the same file settle with each other by the rail `stub`.',
    }),
    engineUrl: z.union([noValue, webUrl]).default('').register(notes, {
      says: 'A settlement engine of somebody else (RFC-0038), by which peers with the rail `engine` are settled with.',
    }),
    engineToken: z
      .union([noValue, z.string().min(MIN_TOKEN_LENGTH, `must have ${MIN_TOKEN_LENGTH} characters or more`)])
      .default('')
      .register(notes, {
        says: 'Shown to the engine, and by it to us at /settlement/accounts/…; needed with settlement.engineUrl.',
        secret: true,
      }),
  })
  .readonly()
  .register(notes, {
    says: 'How debts between the node and its peers are paid. What is settled is counted in interledger.asset.',
  })
