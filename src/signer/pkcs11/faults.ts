/** What a token answers, as faults that an operator can do something about. */
import { AppError, type ErrorCode } from '../../kernel/index.ts'
import { CKR, type CryptokiReturn, nameOfReturnValue } from './constants.ts'

/** A function of the module that did not answer `CKR_OK`. It stays within this folder. */
export class CryptokiFailure extends Error {
  override readonly name = 'CryptokiFailure'
  readonly operation: string
  readonly returned: number
  /** The key that was looked for, in hex. */
  readonly keyId: string | undefined

  constructor(operation: string, returned: number, keyId?: string) {
    super(`${operation} answered ${nameOfReturnValue(returned)}`)
    this.operation = operation
    this.returned = returned
    this.keyId = keyId
  }
}

export function failedWith(error: unknown, ...values: readonly CryptokiReturn[]): boolean {
  return error instanceof CryptokiFailure && values.some((value) => value === error.returned)
}

/**
 * Whether a new session may do what this one could not. A key that is not there may be one that another process has
 * made: SoftHSM does not always notice that before it is initialized anew.
 */
export function isSessionLost(error: unknown): boolean {
  return failedWith(
    error,
    CKR.SESSION_HANDLE_INVALID,
    CKR.SESSION_CLOSED,
    CKR.OBJECT_HANDLE_INVALID,
    CKR.KEY_HANDLE_INVALID,
    CKR.USER_NOT_LOGGED_IN,
    CKR.CRYPTOKI_NOT_INITIALIZED,
    CKR.DEVICE_REMOVED,
    CKR.DEVICE_ERROR,
    CKR.TOKEN_NOT_PRESENT,
  )
}

const EXPLANATIONS = new Map<number, readonly [code: ErrorCode, text: string]>([
  [
    CKR.DEVICE_MEMORY,
    ['SIGNER_TOKEN_FAILED', 'it is full: remove keys that nobody needs, or use another token'],
  ],
  [CKR.TOKEN_WRITE_PROTECTED, ['SIGNER_TOKEN_FAILED', 'it is write-protected, so no key can be made in it']],
  [CKR.SESSION_COUNT, ['SIGNER_TOKEN_FAILED', 'it has no session left: other programs hold them all']],
  [CKR.MECHANISM_INVALID, ['SIGNER_TOKEN_FAILED', 'it does not offer what is needed (AES of 256 bits)']],
  [CKR.DEVICE_REMOVED, ['SIGNER_TOKEN_UNAVAILABLE', 'it was taken out']],
  [CKR.TOKEN_NOT_PRESENT, ['SIGNER_TOKEN_UNAVAILABLE', 'it was taken out']],
  [CKR.TOKEN_NOT_RECOGNIZED, ['SIGNER_TOKEN_UNAVAILABLE', 'the module does not know it']],
  [CKR.DEVICE_ERROR, ['SIGNER_TOKEN_UNAVAILABLE', 'the device failed']],
  [CKR.SESSION_CLOSED, ['SIGNER_TOKEN_UNAVAILABLE', 'it closes its sessions at once']],
  [CKR.SESSION_HANDLE_INVALID, ['SIGNER_TOKEN_UNAVAILABLE', 'it closes its sessions at once']],
])

/** The fault that callers see; what is one already stays as it is. */
export function tokenFault(error: unknown, tokenLabel: string): unknown {
  if (!(error instanceof CryptokiFailure)) return error
  if (error.keyId !== undefined) return noSuchKey(error, error.keyId, tokenLabel)
  const name = nameOfReturnValue(error.returned)
  const [code, why] = EXPLANATIONS.get(error.returned) ?? [
    'SIGNER_TOKEN_FAILED',
    'see what its maker says of this',
  ]
  return new AppError(code, `The token ${tokenLabel} did not do ${error.operation} (${name}): ${why}.`, {
    cause: error,
    facts: { tokenLabel, operation: error.operation, returned: name },
  })
}

function noSuchKey(cause: CryptokiFailure, keyId: string, tokenLabel: string): AppError {
  return new AppError(
    'SIGNER_LOCKED',
    `The token ${tokenLabel} does not hold the key ${keyId}: use the token that it was made in, or a copy of that.`,
    { cause, facts: { tokenLabel, keyId } },
  )
}
