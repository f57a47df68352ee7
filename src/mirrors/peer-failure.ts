import { AppError } from '../kernel/index.ts'

/** The other relay is not there, or not as NIP-01 has it: to be tried again later. */
export function peerFailure(peer: string, what: string, cause?: unknown): AppError {
  return new AppError('PEER_FAILED', `${peer} ${what}`, {
    facts: { peer },
    ...(cause !== undefined && { cause }),
  })
}
