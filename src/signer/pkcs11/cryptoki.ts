/**
 * A PKCS#11 module as it is: a shared library whose functions are called through koffi, each on a thread of libuv's
 * pool, so that a slow token holds up nobody. What is passed are numbers and memory laid out by hand (`memory.ts`).
 */
import { isAbsolute } from 'node:path'
import { AppError } from '../../kernel/index.ts'
import { CKR, nameOfReturnValue } from './constants.ts'
import { type Koffi, loadKoffi } from './foreign.ts'
import type { Memory } from './memory.ts'

/** Every function of `CK_FUNCTION_LIST` in its order (PKCS#11 v2.40, `pkcs11f.h`), up to the last that is called here. */
const FUNCTION_ORDER = `
  C_Initialize C_Finalize C_GetInfo C_GetFunctionList C_GetSlotList C_GetSlotInfo C_GetTokenInfo C_GetMechanismList
  C_GetMechanismInfo C_InitToken C_InitPIN C_SetPIN C_OpenSession C_CloseSession C_CloseAllSessions C_GetSessionInfo
  C_GetOperationState C_SetOperationState C_Login C_Logout C_CreateObject C_CopyObject C_DestroyObject C_GetObjectSize
  C_GetAttributeValue C_SetAttributeValue C_FindObjectsInit C_FindObjects C_FindObjectsFinal C_EncryptInit C_Encrypt
  C_EncryptUpdate C_EncryptFinal C_DecryptInit C_Decrypt C_DecryptUpdate C_DecryptFinal C_DigestInit C_Digest
  C_DigestUpdate C_DigestKey C_DigestFinal C_SignInit C_Sign C_SignUpdate C_SignFinal C_SignRecoverInit C_SignRecover
  C_VerifyInit C_Verify C_VerifyUpdate C_VerifyFinal C_VerifyRecoverInit C_VerifyRecover C_DigestEncryptUpdate
  C_DecryptDigestUpdate C_SignEncryptUpdate C_DecryptVerifyUpdate C_GenerateKey C_GenerateKeyPair`
  .trim()
  .split(/\s+/)

/** What the functions take that are called here. */
const PARAMETERS = {
  C_Initialize: ['void *'],
  C_Finalize: ['void *'],
  C_GetSlotList: ['uint8_t', 'void *', 'void *'],
  C_GetTokenInfo: ['ulong', 'void *'],
  C_GetMechanismInfo: ['ulong', 'ulong', 'void *'],
  C_OpenSession: ['ulong', 'ulong', 'void *', 'void *', 'void *'],
  C_CloseSession: ['ulong'],
  C_GetSessionInfo: ['ulong', 'void *'],
  C_Login: ['ulong', 'ulong', 'void *', 'ulong'],
  C_DestroyObject: ['ulong', 'ulong'],
  C_GetAttributeValue: ['ulong', 'ulong', 'void *', 'ulong'],
  C_FindObjectsInit: ['ulong', 'void *', 'ulong'],
  C_FindObjects: ['ulong', 'void *', 'ulong', 'void *'],
  C_FindObjectsFinal: ['ulong'],
  C_EncryptInit: ['ulong', 'void *', 'ulong'],
  C_Encrypt: ['ulong', 'void *', 'ulong', 'void *', 'void *'],
  C_DecryptInit: ['ulong', 'void *', 'ulong'],
  C_Decrypt: ['ulong', 'void *', 'ulong', 'void *', 'void *'],
  C_SignInit: ['ulong', 'void *', 'ulong'],
  C_Sign: ['ulong', 'void *', 'ulong', 'void *', 'void *'],
  C_GenerateKey: ['ulong', 'void *', 'void *', 'ulong', 'void *'],
  C_GenerateKeyPair: ['ulong', 'void *', 'void *', 'ulong', 'void *', 'ulong', 'void *', 'void *'],
} as const

export type CryptokiFunction = keyof typeof PARAMETERS

export type Argument = number | bigint | Memory | Buffer | null

export interface Cryptoki {
  /** Calls a function on another thread and answers with its return value (`CKR`). */
  call(name: CryptokiFunction, ...args: readonly Argument[]): Promise<number>
  /** Where a buffer lies, as memory that points to it needs it. The buffer must be kept until the call is over. */
  addressOf(buffer: Buffer): bigint
}

/** `CK_VERSION` and what fills up to the first pointer; then one pointer for each function. */
const FUNCTIONS_OFFSET = 8
const POINTER_BYTES = 8

/** Loads a module. Throws `SIGNER_TOKEN_UNAVAILABLE` when there is none at this path or this machine has no koffi. */
export async function loadCryptoki(path: string): Promise<Cryptoki> {
  // Structures are laid out for machines where `long` and pointers have 64 bits, low byte first; Windows packs them otherwise.
  if (process.platform === 'win32' || !['x64', 'arm64'].includes(process.arch)) {
    throw unavailable(path, `PKCS#11 is not supported on ${process.platform} ${process.arch}`)
  }
  // A name alone would be looked for where others may have put something.
  if (!isAbsolute(path)) throw unavailable(path, 'its path must be absolute')
  const koffi = await loadKoffi().catch((cause: unknown) => {
    throw unavailable(path, 'koffi has no binary for this machine', cause)
  })
  try {
    const functions = readFunctions(koffi, path)
    return {
      addressOf: (buffer) => (buffer.length === 0 ? 0n : koffi.address(buffer)),
      call: (name, ...args) => callOnThread(functions[name], args),
    }
  } catch (cause) {
    throw unavailable(path, cause instanceof Error ? cause.message : String(cause), cause)
  }
}

type Library = ReturnType<Koffi['load']>
type ForeignFunction = ReturnType<Library['func']>

/**
 * Libraries that stay loaded as long as the process lives. koffi unloads one that nobody refers to, and functions that
 * come out of a list do not count; modules with threads and exit handlers of their own do not stand being unloaded.
 */
const loaded = new Map<string, Library>()

/** The functions that the module lists: it need not export any but the one that answers with the list. */
function readFunctions(koffi: Koffi, path: string): Readonly<Record<CryptokiFunction, ForeignFunction>> {
  const library = loaded.get(path) ?? koffi.load(path)
  loaded.set(path, library)
  const getFunctionList = library.func('C_GetFunctionList', 'ulong', ['void *'])
  const list = Buffer.alloc(POINTER_BYTES)
  const returned = Number(getFunctionList(list))
  if (returned !== CKR.OK) throw new Error(`C_GetFunctionList answered ${nameOfReturnValue(returned)}`)
  const listBytes = FUNCTIONS_OFFSET + FUNCTION_ORDER.length * POINTER_BYTES
  const table = Buffer.from(koffi.view(list.readBigUInt64LE(), listBytes))
  const decode = (name: CryptokiFunction): ForeignFunction => {
    const pointer = table.readBigUInt64LE(FUNCTIONS_OFFSET + FUNCTION_ORDER.indexOf(name) * POINTER_BYTES)
    return koffi.decode(pointer, koffi.proto('ulong', [...PARAMETERS[name]]))
  }
  const names = Object.keys(PARAMETERS) as CryptokiFunction[]
  return Object.fromEntries(names.map((name) => [name, decode(name)])) as Record<
    CryptokiFunction,
    ForeignFunction
  >
}

/** Everything that `args` points to is kept until the function has answered: the callback below names it. */
function callOnThread(foreign: ForeignFunction, args: readonly Argument[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const held = new Set<unknown>([args])
    const values = args.map((arg) => (isMemory(arg) ? arg.bytes : arg))
    foreign.async(...values, (error: Error | null, returned: number | bigint) => {
      held.clear()
      if (error === null) resolve(Number(returned))
      else reject(error)
    })
  })
}

function isMemory(arg: Argument): arg is Memory {
  return typeof arg === 'object' && arg !== null && 'held' in arg
}

function unavailable(path: string, why: string, cause?: unknown): AppError {
  return new AppError(
    'SIGNER_TOKEN_UNAVAILABLE',
    `The PKCS#11 module ${path} cannot be loaded: ${why}. Set the path of the library that came with the token.`,
    { cause, facts: { module: path } },
  )
}
