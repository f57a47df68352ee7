/** Requests and answers of RFC-0038 without a server. */

/** As it comes behind the prefix that the composition root serves it under. Who sent it has been established. */
export interface ApiRequest {
  readonly method: string
  /** Without the query: `/accounts/alice/settlements`. */
  readonly path: string
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Buffer
}

export interface ApiAnswer {
  readonly status: number
  readonly contentType?: string
  readonly body?: string | Buffer
}

const MAX_KEY_LENGTH = 200

export function idempotencyKeyOf({ headers }: ApiRequest): string | undefined {
  const key = headers['idempotency-key']
  return key === undefined || key === '' || key.length > MAX_KEY_LENGTH ? undefined : key
}

export function json(status: number, body: string): ApiAnswer {
  return { status, contentType: 'application/json', body }
}

export function failed(status: number, code: string, message: string): ApiAnswer {
  return json(status, JSON.stringify({ error: { code, message } }))
}

export function bytes(status: number, body: Buffer): ApiAnswer {
  return { status, contentType: 'application/octet-stream', body }
}

/** `/accounts/<id>/<what>`; undefined when it is not such a path. */
export function accountPath(path: string): { readonly id: string; readonly what: string } | undefined {
  const found = /^\/accounts\/([A-Za-z0-9._~-]{1,200})(?:\/(settlements|messages))?$/.exec(path)
  return found === null ? undefined : { id: found[1] ?? '', what: found[2] ?? '' }
}
