/** The program that runs on the data folder, as `stoa doctor` sees it through its admin socket. */
import { AppError, type Outcome } from '../kernel/index.ts'
import { type AdminAnswer, askStoa } from './admin-client.ts'
import type { CliContext } from './context.ts'

export interface RunningProgram {
  readonly version: string
  readonly startedAtSeconds: number
  readonly connections: number
  readonly events: number
  /** Of each component, as `/health` says it. */
  readonly health: Readonly<Record<string, { readonly status: string }>>
  /** Has it compute the chain of its audit log anew. */
  verifyAudit(): Promise<AdminAnswer>
  /** Has it add up its books. */
  trialBalance(): Promise<AdminAnswer>
  /** How its observatory stands. */
  observatory(): Promise<AdminAnswer>
}

/** Undefined when nothing answers at the admin socket: nothing runs there, or a relay alone, which has no office. */
export async function runningProgramOn(dataDir: string): Promise<RunningProgram | undefined> {
  const answer = await askStoa(dataDir, { path: 'status' }).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'CONSOLE_NOT_RUNNING') return undefined
    throw error
  })
  if (answer === undefined) return undefined
  const { json } = answered(answer)
  if (!isStatus(json)) return undefined
  return {
    ...json,
    verifyAudit: async () => answered(await askStoa(dataDir, { path: 'audit/verify' })),
    trialBalance: async () => answered(await askStoa(dataDir, { path: 'ledger/trial-balance' })),
    observatory: async () => answered(await askStoa(dataDir, { path: 'observatory' })),
  }
}

/** @throws Error when the program gave none. */
function answered(answer: Outcome<AdminAnswer, string>): AdminAnswer {
  if (answer.ok) return answer.value
  throw new Error(`the program gave no answer: ${answer.refusal}`)
}

/** How many rows of the audit log were read, on one line that is written over; silent where nobody watches. */
export function auditProgress({ stderr }: Pick<CliContext, 'stderr'>) {
  const isWatched = stderr.isTTY === true
  return {
    show: (rows: number): void => {
      if (isWatched) stderr.write(`\r      audit log: ${rows.toLocaleString('en')} rows`)
    },
    end: (): void => {
      if (isWatched) stderr.write('\r\u001B[K')
    },
  }
}

/** Its version may be another one than ours, so its answer is looked at before it is believed. */
function isStatus(
  value: unknown,
): value is Omit<RunningProgram, 'verifyAudit' | 'trialBalance' | 'observatory'> {
  if (typeof value !== 'object' || value === null) return false
  const { version, startedAtSeconds, connections, events, health } = value as Partial<
    Record<keyof RunningProgram, unknown>
  >
  return (
    typeof version === 'string' &&
    [startedAtSeconds, connections, events].every((number) => typeof number === 'number') &&
    typeof health === 'object' &&
    health !== null &&
    Object.values(health).every((one) => typeof one === 'object' && one !== null && 'status' in one)
  )
}
