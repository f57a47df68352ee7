/** The first message of a connection: who the client is (RFC-0023, "Authentication"). */
import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import { type BtpFrame, type BtpMessage, CONTENT_TYPE, type SubProtocol } from './frames.ts'

export interface Credentials {
  readonly token: string
  /** Empty when the client gave none. */
  readonly username: string
}

export function authMessage(requestId: number, { token, username }: Credentials): BtpMessage {
  const protocols: SubProtocol[] = [
    { name: 'auth', contentType: CONTENT_TYPE.octets, data: Buffer.alloc(0) },
    textProtocol('auth_token', token),
  ]
  if (username !== '') protocols.push(textProtocol('auth_username', username))
  return { type: 'message', requestId, protocols }
}

function textProtocol(name: string, text: string): SubProtocol {
  return { name, contentType: CONTENT_TYPE.text, data: Buffer.from(text) }
}

/** The refusal says for people what is wrong with it. */
export function readAuth(frame: BtpFrame): Outcome<Credentials, string> {
  if (frame.type !== 'message' || frame.protocols[0]?.name !== 'auth') {
    return refused('the first message must be of the sub-protocol auth')
  }
  const token = textOf(frame, 'auth_token')
  if (token === undefined) return refused('auth_token is missing')
  return accepted({ token, username: textOf(frame, 'auth_username') ?? '' })
}

function textOf({ protocols }: BtpMessage, name: string): string | undefined {
  return protocols.find((protocol) => protocol.name === name)?.data.toString()
}
