import type { CloseRequest } from './registry.ts'

export function encodeCloseRequest({ connectionId, code, reason }: CloseRequest): Uint8Array {
  return Buffer.from(JSON.stringify({ do: 'close', connectionId, code, reason }))
}

/** What another process wants; undefined for what is no such request, which a newer version may send. */
export function decodeCloseRequest(payload: Buffer): CloseRequest | undefined {
  const value = parse(payload)
  if (typeof value !== 'object' || value === null || Reflect.get(value, 'do') !== 'close') return undefined
  const connectionId: unknown = Reflect.get(value, 'connectionId')
  const code: unknown = Reflect.get(value, 'code')
  const reason: unknown = Reflect.get(value, 'reason')
  if (typeof connectionId !== 'string' || typeof code !== 'number' || typeof reason !== 'string')
    return undefined
  return { connectionId, code, reason }
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString())
  } catch {
    return undefined
  }
}
