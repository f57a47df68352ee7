import { REFUSED_ADDRESS_CODE } from '../../platform/internet/index.ts'
import type { Offence } from '../relay-report.ts'

/** Why a connection came to nothing, for people, and whether it is the relay's fault. */
export interface LinkEnd {
  readonly reason: string
  readonly offence?: Offence
  /** The relay ended it. */
  readonly isByRelay?: boolean
  /** The relay does not serve us as we are. */
  readonly isRefused?: boolean
}

/** Codes of OpenSSL that are about who the other side is. */
const CERTIFICATE_CODE =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/
const MAX_REASON_CHARACTERS = 160

/** Reads the error of a socket, of TLS, of HTTP or of the WebSocket protocol. */
export function failureOf(error: Error): LinkEnd {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (CERTIFICATE_CODE.test(code)) return { reason: `bad certificate: ${code}`, offence: 'bad-certificate' }
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
    return { reason: 'a message was too long', offence: 'message-too-long' }
  }
  if (code === 'WS_ERR_TOO_MANY_BUFFERED_PARTS') {
    return { reason: 'a message had too many parts', offence: 'endless-stream' }
  }
  if (code.startsWith('WS_ERR') || code.startsWith('HPE_')) {
    return { reason: `it does not speak WebSocket: ${code}`, offence: 'not-json' }
  }
  if (code === REFUSED_ADDRESS_CODE) return { reason: 'its name leads to a private address' }
  return { reason: code === '' ? error.message.slice(0, MAX_REASON_CHARACTERS) : code }
}

/** Reads an answer that is no WebSocket. */
export function failureOfStatus(status: number): LinkEnd {
  if (status >= 300 && status < 400) return { reason: `HTTP ${status}: redirected`, offence: 'redirected' }
  return { reason: `HTTP ${status}`, isRefused: status === 401 || status === 402 || status === 403 }
}
