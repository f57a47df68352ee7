/** What `stoa doctor` has the parts look at: the database, the audit log, the books, Redis, the keys, the mail server. */
import { join, resolve } from 'node:path'
import { pino } from 'pino'
import { checkSmtp } from './accounts/index.ts'
import { verifyAuditChain } from './audit/index.ts'
import {
  type Finding,
  fail,
  type Inspections,
  type OfficeFindings,
  ok,
  type RunningProgram,
  warn,
} from './cli/index.ts'
import type { Config } from './config/index.ts'
import { AppError } from './kernel/index.ts'
import { trialBalanceOf } from './ledger/index.ts'
import { askRedis } from './platform/bus/index.ts'
import { hasEmbeddedDatabase, type InspectedDatabase, inspectDatabase } from './platform/database/index.ts'
import { exposedModeOf, inspectKeys, inspectSecrets } from './signer/index.ts'
import { askedObservatory, inspectedObservatory, unseenObservatory } from './stoa-doctor-observatory.ts'
import { keySources, keysFolder } from './stoa-keys.ts'
import { databaseOptions } from './stoa-office.ts'

export const inspections: Inspections = {
  database: inspectOffice,
  redis: inspectRedis,
  keys: inspectKeyFolder,
  mail: inspectMail,
}

const OLDEST_REDIS = 7

async function inspectOffice(
  config: Config,
  running: RunningProgram | undefined,
  onAuditRows: (rows: number) => void,
): Promise<OfficeFindings> {
  const isUsed = config.store.engine === 'postgres' || config.process.roles.length > 1
  if (!isUsed) return all(ok('none is used by a relay alone (process.roles)'))
  const isEmbedded = config.database.url === ''
  if (isEmbedded && running !== undefined) return askRunning(config, running)
  const dataDir = resolve(config.data.dir)
  if (isEmbedded && !hasEmbeddedDatabase(dataDir))
    return {
      ...all(ok('none yet; it is made at the first start')),
      observatory: await unseenObservatory(config),
    }
  let database: InspectedDatabase
  try {
    const logger = pino({ level: 'silent' })
    database = await inspectDatabase({ ...databaseOptions(config), dataDir, logger })
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return {
      database: findingOf(error),
      audit: warn(NOT_OPENED),
      ledger: warn(NOT_OPENED),
      observatory: running === undefined ? warn(NOT_OPENED) : await askedObservatory(config, running),
    }
  }
  try {
    // A running program also knows which checkpoints it has published.
    const audit =
      running === undefined ? await auditFinding(database, onAuditRows) : await askedAudit(running)
    const ledger = running === undefined ? await booksFinding(database) : await askedBooks(running)
    const observatory =
      running === undefined
        ? await inspectedObservatory(config, database)
        : await askedObservatory(config, running)
    return { database: migrationsFinding(database), audit, ledger, observatory }
  } finally {
    await database.close()
  }
}

function all(finding: Finding): OfficeFindings {
  return { database: finding, audit: finding, ledger: finding, observatory: finding }
}

function findingOf({ code, message }: AppError): Finding {
  if (code === 'DATABASE_LOCKED')
    return warn('in use by a running program that does not answer at its admin socket; stop it first')
  const advice = ADVICE[code]
  return fail(advice === undefined ? message : `${message.replace(/\.$/, '')}: ${advice}`)
}

const ADVICE: Readonly<Record<string, string>> = {
  DATABASE_UNREACHABLE: 'see that the server runs, and that database.url has its address, user and password',
  DATABASE_VERSION:
    'move to a newer server, or leave database.url empty for the one that comes with this program',
}

function migrationsFinding({ version, embedded, applied, pending }: InspectedDatabase): Finding {
  const place = `PostgreSQL ${version}${embedded ? ', embedded' : ''}, ${applied} migrations applied`
  if (pending.length === 0) return ok(place)
  const names = pending.join(', ')
  return warn(
    `${place}, ${pending.length} not yet (${names}): the next start applies them, so make a backup before`,
  )
}

async function auditFinding(
  { db, pending }: InspectedDatabase,
  onRows: (rows: number) => void,
): Promise<Finding> {
  if (pending.length > 0) return warn(BEFORE_MIGRATIONS)
  const chain = await verifyAuditChain(db, [], onRows)
  if (!chain.ok) return damaged(chain.refusal.text)
  const { entries, head } = chain.value
  return ok(
    `${entries} rows, each as it was written, not compared with published checkpoints${head === undefined ? '' : `; the last hash is ${head.hash}`}`,
  )
}

function damaged(text: string): Finding {
  return fail(
    `${text} Somebody has changed the database beside the program: find out who can write there, and compare with a backup (stoa backup list)`,
  )
}

/** An embedded database is open to the program that has started it, so that one is asked. */
async function askRunning(config: Config, running: RunningProgram): Promise<OfficeFindings> {
  const status = running.health.database?.status
  const said = `embedded, and open to the running program, which says ${status ?? 'nothing of it'}`
  const database = status === 'ok' ? ok(said) : fail(`${said}; read its log`)
  return {
    database,
    audit: await askedAudit(running),
    ledger: await askedBooks(running),
    observatory: await askedObservatory(config, running),
  }
}

async function askedAudit(running: RunningProgram): Promise<Finding> {
  const { status, json } = await running.verifyAudit()
  if (status === 200) return ok(`${entriesIn(json)} rows, each as it was written`)
  const text = JSON.stringify(json)
  return text.includes('AUDIT_DAMAGED') ? damaged(text) : warn(`not looked at: ${text}`)
}

/** Adds up the books of a database that is open to nobody else. */
async function booksFinding({ db, pending }: InspectedDatabase): Promise<Finding> {
  if (pending.length > 0) return warn(BEFORE_MIGRATIONS)
  const lines = await trialBalanceOf(db)
  return ofBooks(
    lines.map(({ asset, debits, credits, wrongBalances }) => ({
      asset,
      isBalanced: debits === credits && wrongBalances === 0,
    })),
  )
}

async function askedBooks(running: RunningProgram): Promise<Finding> {
  const { status, json } = await running.trialBalance()
  if (status === 404) return warn('not looked at: the running program is of an older version')
  if (status !== 200 || !Array.isArray(json)) return warn(`not looked at: ${JSON.stringify(json)}`)
  return ofBooks(
    json.map((line: unknown) => ({ asset: wordIn(line, 'asset'), isBalanced: isBalancedLine(line) })),
  )
}

function ofBooks(lines: readonly { readonly asset: string; readonly isBalanced: boolean }[]): Finding {
  const wrong = lines.filter(({ isBalanced }) => !isBalanced).map(({ asset }) => asset)
  if (wrong.length === 0) {
    const assets = lines.map(({ asset }) => asset).join(', ')
    return ok(assets === '' ? 'nothing is booked yet' : `debits and credits are equal in ${assets}`)
  }
  return fail(
    `the books do not add up in ${wrong.join(', ')}: stop what pays, and compare with a backup (stoa backup list); somebody has changed the database beside the program, or this is a bug to report`,
  )
}

function isBalancedLine(line: unknown): boolean {
  return typeof line === 'object' && line !== null && Reflect.get(line, 'isBalanced') === true
}

function wordIn(line: unknown, name: string): string {
  return typeof line === 'object' && line !== null ? String(Reflect.get(line, name)) : ''
}

const BEFORE_MIGRATIONS = 'not looked at before all migrations are applied: start the program once'
const NOT_OPENED = 'not looked at, since the database could not be opened'

function entriesIn(json: unknown): unknown {
  return typeof json === 'object' && json !== null ? Reflect.get(json, 'entries') : undefined
}

async function inspectRedis({ redis }: Config): Promise<Finding> {
  if (redis.url === '') return ok('none is set: this process is alone')
  const facts = await askRedis(redis.url)
  if (!facts.ok) {
    return fail(
      `Redis does not answer (${facts.refusal.text}): see that it runs, and that redis.url has its address and password. Until then every process serves its own clients alone`,
    )
  }
  const { version, evictionPolicy, maxMemoryBytes, usedMemoryBytes } = facts.value
  const memory = maxMemoryBytes === 0 ? 'no maxmemory' : `maxmemory ${maxMemoryBytes}`
  const place = `Redis ${version}, ${usedMemoryBytes} bytes used, ${memory}, ${evictionPolicy}`
  if (Number.parseInt(version, 10) < OLDEST_REDIS)
    return warn(`${place}: ${OLDEST_REDIS} or newer is what is tested`)
  if (evictionPolicy === 'noeviction') return ok(place)
  // Without a bound nothing is removed today; a bound is soon set, and then leases and switches go first.
  return warn(
    `${place}: what is shared there (leases, switches, used AUTH events) may be removed when it is full; set maxmemory-policy noeviction`,
  )
}

async function inspectKeyFolder(config: Config): Promise<Finding> {
  const folder = keysFolder(config)
  const options = { folder, ...keySources(config) }
  const mode = await exposedModeOf(folder)
  if (mode !== undefined)
    return fail(`other users can reach ${folder} (mode ${mode}): run chmod 700 ${folder}`)
  const keys = await inspectKeys(options)
  const secrets = await inspectSecrets(options)
  const lines = [
    ...keys.map(({ purpose, publicKey, from }) => `${purpose} ${publicKey} (${HELD[from]})`),
    ...secrets.map(({ purpose, from }) => `${purpose}, a secret (${HELD[from]})`),
  ]
  if (!keys.some(({ purpose }) => purpose === 'relay')) lines.unshift('relay: made at the first start')
  const isUnguarded = [...keys, ...secrets].some(({ from }) => from === 'file')
  const text = lines.join('\n')
  return isUnguarded
    ? warn(`${text}\nwhoever can read ${folder} has these keys: set signer.passphrase`)
    : ok(text)
}

const HELD = {
  given: 'from the configuration',
  passphrase: 'in a file that the passphrase opens',
  file: 'in a file that the file beside it opens',
  token: 'guarded by the token',
} as const

async function inspectMail({ data, accounts }: Config): Promise<Finding> {
  const { smtpUrl, signUp } = accounts
  if (smtpUrl === '') {
    const place = `no mail server is set: mails are written into ${join(resolve(data.dir), 'mail')}`
    return signUp === 'open'
      ? warn(`${place}, so that people who sign up cannot confirm their address; set accounts.smtpUrl`)
      : ok(place)
  }
  const { host } = new URL(smtpUrl)
  try {
    await checkSmtp(smtpUrl)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return fail(
      `${host} does not take mails from us (${reason}): look at accounts.smtpUrl, and whether a firewall is between`,
    )
  }
  return ok(`${host} greets us and lets us in; no mail was sent`)
}
