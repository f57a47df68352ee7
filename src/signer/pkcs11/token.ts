/** A token found by its label, logged in to, and logged in to again when the session is lost. */
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { AppError } from '../../kernel/index.ts'
import { CKF, CKR, CKU_USER } from './constants.ts'
import { type Cryptoki, loadCryptoki } from './cryptoki.ts'
import { CryptokiFailure, failedWith, isSessionLost, tokenFault } from './faults.ts'
import {
  initializeArguments,
  readTokenInfo,
  TOKEN_INFO_BYTES,
  type TokenInfo,
  ULONG_BYTES,
  ulong,
} from './memory.ts'
import { TokenSession } from './session.ts'

/** The PIN of the token's user: in this text, or in the file of this name. */
export type TokenPin = { readonly text: string } | { readonly path: string }

export interface TokenOptions {
  /** Absolute path of the PKCS#11 library that came with the token. */
  readonly module: string
  readonly tokenLabel: string
  readonly pin: TokenPin
}

export interface Token {
  readonly label: string
  /**
   * Does one thing with the token; things wait for each other. When the session was lost it is opened again, once, and
   * the thing is done again. Throws `SIGNER_TOKEN_UNAVAILABLE`, `SIGNER_TOKEN_FAILED`, and `SIGNER_LOCKED` for a PIN
   * that the token does not take.
   */
  run<T>(operation: (session: TokenSession) => Promise<T>): Promise<T>
  /**
   * Closes the session, and the module if it was this token that initialized it. Whatever else uses the module in this
   * process must be idle then; it begins anew by itself. So does `run`.
   */
  close(): Promise<void>
}

/** Operations that may wait for a token; a settlement or two at a time is what is usual. */
const MAX_WAITING = 256

/** A token that is silent for so long is taken for dead. Making a key may take a smart card seconds. */
const OPERATION_TIMEOUT_MS = 60_000

/** Slots that are looked at for the token. */
const MAX_SLOTS = 64

/** A PIN of more bytes is a mistake: a file that is another one. */
const MAX_PIN_BYTES = 1024

interface OpenSession {
  readonly cryptoki: Cryptoki
  readonly session: TokenSession
  readonly handle: bigint
}

export interface TokenDeps {
  /** Keeps other processes away from the token while this one uses it. */
  readonly exclusively?: <T>(act: () => Promise<T>) => Promise<T>
  /** How a module is loaded; tests put something between. */
  readonly load?: typeof loadCryptoki
}

/** A token that is opened when it is first needed. */
export function createToken(options: TokenOptions, deps: TokenDeps = {}): Token {
  const { exclusively = (act) => act(), load = loadCryptoki } = deps
  const { module, tokenLabel } = options
  let cryptoki: Cryptoki | undefined
  let isInitializedHere = false
  let open: OpenSession | undefined
  // Hash of a PIN that the token did not take: it is not tried again, because tokens lock after a few tries.
  let refusedPin: string | undefined
  let waiting = 0
  let last: Promise<unknown> = Promise.resolve()

  async function initialize(): Promise<Cryptoki> {
    cryptoki ??= await load(module)
    const returned = await cryptoki.call('C_Initialize', initializeArguments(CKF.OS_LOCKING_OK))
    if (returned === CKR.OK) isInitializedHere = true
    else if (returned !== CKR.CRYPTOKI_ALREADY_INITIALIZED)
      throw new CryptokiFailure('C_Initialize', returned)
    return cryptoki
  }

  async function login(library: Cryptoki, handle: bigint, info: TokenInfo): Promise<void> {
    checkTriesLeft(info)
    const pin = await readPin(options)
    try {
      const pinHash = hash('sha256', pin)
      if (pinHash === refusedPin) throw wrongPin(tokenLabel)
      const returned = await library.call('C_Login', handle, CKU_USER, pin, pin.length)
      if (returned === CKR.OK || returned === CKR.USER_ALREADY_LOGGED_IN) return
      const failure = new CryptokiFailure('C_Login', returned)
      if (failedWith(failure, CKR.PIN_INCORRECT, CKR.PIN_INVALID, CKR.PIN_LEN_RANGE)) refusedPin = pinHash
      throw loginFault(failure, tokenLabel)
    } finally {
      pin.fill(0)
    }
  }

  async function openSession(): Promise<OpenSession> {
    const library = await initialize()
    const { slot, info } = await findSlot(library, tokenLabel)
    const handleBytes = ulong()
    const flags = CKF.SERIAL_SESSION | CKF.RW_SESSION
    const returned = await library.call('C_OpenSession', slot, flags, null, null, handleBytes)
    if (returned !== CKR.OK) throw new CryptokiFailure('C_OpenSession', returned)
    const handle = handleBytes.readBigUInt64LE()
    try {
      await login(library, handle, info)
    } catch (error) {
      await library.call('C_CloseSession', handle)
      throw error
    }
    return { cryptoki: library, handle, session: new TokenSession(library, slot, handle) }
  }

  async function runOnce<T>(operation: (session: TokenSession) => Promise<T>): Promise<T> {
    open ??= await openSession()
    return operation(open.session)
  }

  async function runTwiceIfLost<T>(operation: (session: TokenSession) => Promise<T>): Promise<T> {
    try {
      return await runOnce(operation)
    } catch (error) {
      if (!isSessionLost(error)) throw error
      await forget()
      return runOnce(operation)
    }
  }

  /**
   * The old session may still be counted by the token, so it is closed, though it is probably gone. Whoever else in this
   * process uses the module has initialized nothing, and begins anew as we do.
   */
  async function forget(): Promise<void> {
    const lost = open
    open = undefined
    await lost?.cryptoki.call('C_CloseSession', lost.handle)
    if (isInitializedHere) await cryptoki?.call('C_Finalize', null)
    isInitializedHere = false
  }

  /** After all that waits already. */
  function enqueue<T>(act: () => Promise<T>): Promise<T> {
    const done = last.then(act)
    last = done.catch(() => {})
    return done
  }

  return {
    label: tokenLabel,
    async run(operation) {
      if (waiting >= MAX_WAITING) throw tooMany(tokenLabel)
      waiting += 1
      let isGivenUp = false
      const done = enqueue(async () => {
        if (isGivenUp) throw silent(tokenLabel)
        return exclusively(() => runTwiceIfLost(operation))
      }).finally(() => {
        waiting -= 1
      })
      try {
        return await withinTime(done, tokenLabel)
      } catch (error) {
        isGivenUp = true
        throw tokenFault(error, tokenLabel)
      }
    },
    async close() {
      await withinTime(enqueue(forget), tokenLabel)
    },
  }
}

async function findSlot(
  library: Cryptoki,
  tokenLabel: string,
): Promise<{ readonly slot: bigint; readonly info: TokenInfo }> {
  const slots = Buffer.alloc(MAX_SLOTS * ULONG_BYTES)
  const count = ulong()
  // Asked without a place for the answer first: that is when modules look which tokens are there now.
  for (const [place, room] of [
    [null, 0],
    [slots, MAX_SLOTS],
  ] as const) {
    count.writeBigUInt64LE(BigInt(room))
    const returned = await library.call('C_GetSlotList', 1, place, count)
    if (returned !== CKR.OK) throw new CryptokiFailure('C_GetSlotList', returned)
  }
  const found: { readonly slot: bigint; readonly info: TokenInfo }[] = []
  const labels: string[] = []
  for (let index = 0; index < Number(count.readBigUInt64LE()); index += 1) {
    const slot = slots.readBigUInt64LE(index * ULONG_BYTES)
    const bytes = Buffer.alloc(TOKEN_INFO_BYTES)
    // A token that is taken out in this moment is not the one.
    if ((await library.call('C_GetTokenInfo', slot, bytes)) !== CKR.OK) continue
    const info = readTokenInfo(bytes)
    if (info.label === tokenLabel) found.push({ slot, info })
    else if (info.label !== '') labels.push(info.label)
  }
  if (found.length === 1) return found[0]!
  throw noSuchToken(tokenLabel, found.length, labels)
}

function noSuchToken(tokenLabel: string, count: number, others: readonly string[]): AppError {
  const text =
    count > 1
      ? `${count} tokens have the label ${tokenLabel}: give the one that is meant a label of its own.`
      : `No token with the label ${tokenLabel} is there (the module knows ${others.join(', ') || 'none'}): insert it, or correct the label.`
  return new AppError('SIGNER_TOKEN_UNAVAILABLE', text, { facts: { tokenLabel, count, others } })
}

async function readPin({ pin, tokenLabel }: TokenOptions): Promise<Buffer> {
  const text = 'text' in pin ? pin.text : await readPinFile(pin.path)
  // A file ends with a line break that is not part of the PIN; blanks may be.
  const bytes = Buffer.from('text' in pin ? text : text.replace(/\r?\n$/, ''))
  if (bytes.length > 0 && bytes.length <= MAX_PIN_BYTES) return bytes
  const what = bytes.length === 0 ? 'none is set' : `what is set has ${bytes.length} bytes`
  throw new AppError('SIGNER_LOCKED', `The token ${tokenLabel} needs its PIN, and ${what}.`, {
    facts: { tokenLabel },
  })
}

async function readPinFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new AppError(
      'SIGNER_STORAGE_FAILED',
      `The file ${path} with the PIN of the token cannot be read.`,
      {
        cause,
        facts: { path },
      },
    )
  }
}

/** A program that is started again and again with a wrong PIN must not be what locks the token. */
function checkTriesLeft({ label, flags }: TokenInfo): void {
  if ((flags & CKF.USER_PIN_LOCKED) !== 0) throw lockedPin(label)
  if ((flags & CKF.USER_PIN_FINAL_TRY) === 0) return
  throw new AppError(
    'SIGNER_LOCKED',
    `The token ${label} has one try left for its PIN, which is not spent here: log in once with its own tool, and correct the PIN that is set.`,
    { facts: { tokenLabel: label } },
  )
}

function loginFault(failure: CryptokiFailure, tokenLabel: string): unknown {
  const { returned } = failure
  if (failedWith(failure, CKR.PIN_INCORRECT, CKR.PIN_INVALID, CKR.PIN_LEN_RANGE)) return wrongPin(tokenLabel)
  if (returned === CKR.PIN_LOCKED) return lockedPin(tokenLabel)
  if (returned === CKR.PIN_EXPIRED || returned === CKR.USER_PIN_NOT_INITIALIZED) {
    const what = returned === CKR.PIN_EXPIRED ? 'has expired' : 'was never set'
    return new AppError(
      'SIGNER_LOCKED',
      `The PIN of the token ${tokenLabel} ${what}: set one with its own tool.`,
      {
        facts: { tokenLabel },
      },
    )
  }
  return failure
}

function wrongPin(tokenLabel: string): AppError {
  return new AppError(
    'SIGNER_LOCKED',
    `The token ${tokenLabel} does not take the PIN that is set; it is not tried again until it is another one, because tokens lock after a few tries.`,
    { facts: { tokenLabel } },
  )
}

function lockedPin(tokenLabel: string): AppError {
  return new AppError(
    'SIGNER_LOCKED',
    `The token ${tokenLabel} has locked its PIN after too many wrong ones: its security officer can set a new one.`,
    { facts: { tokenLabel } },
  )
}

function tooMany(tokenLabel: string): AppError {
  return new AppError(
    'SIGNER_TOKEN_FAILED',
    `${MAX_WAITING} operations wait for the token ${tokenLabel} already.`,
    {
      facts: { tokenLabel },
    },
  )
}

function silent(tokenLabel: string): AppError {
  return new AppError(
    'SIGNER_TOKEN_UNAVAILABLE',
    `The token ${tokenLabel} has not answered for ${OPERATION_TIMEOUT_MS / 1000} s: look at the device or its network.`,
    { facts: { tokenLabel, waitedMs: OPERATION_TIMEOUT_MS } },
  )
}

async function withinTime<T>(done: Promise<T>, tokenLabel: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(silent(tokenLabel)), OPERATION_TIMEOUT_MS)
  })
  try {
    return await Promise.race([done, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
