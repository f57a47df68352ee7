/** POST to the other side of RFC-0038, with bounds. */
import { AppError } from '../../kernel/index.ts'

export interface HttpTarget {
  /** Without a slash at its end. */
  readonly url: string
  /** Sent as a bearer token; in no log. */
  readonly token?: string
  readonly fetch?: typeof fetch
}

export interface HttpMessage {
  readonly method: 'POST' | 'DELETE'
  readonly path: string
  readonly contentType?: string
  readonly idempotencyKey?: string
  readonly body?: string | Buffer
}

/** More of an answer is not read. */
const MAX_ANSWER_BYTES = 64 * 1024

/** Status and body. @throws AppError RAIL_FAILED when there is no answer. */
export async function request(
  target: HttpTarget,
  { method, path, contentType = 'application/json', idempotencyKey, body }: HttpMessage,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: Buffer }> {
  const send = target.fetch ?? fetch
  try {
    const response = await send(`${target.url}${path}`, {
      method,
      redirect: 'error',
      signal,
      headers: {
        ...(body !== undefined && { 'content-type': contentType }),
        ...(target.token !== undefined && { authorization: `Bearer ${target.token}` }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : new Uint8Array(body) }),
    })
    return { status: response.status, body: await bounded(response) }
  } catch (cause) {
    throw new AppError('RAIL_FAILED', `${method} ${path} got no answer`, { cause })
  }
}

async function bounded(response: Response): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.byteLength
    if (size > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}
