/**
 * Arrays in the binary format of PostgreSQL. `pg` sends a `Buffer` as a binary parameter and everything else as text,
 * and as text a list of events is twice as long, quoted, and has to be read character by character.
 */

// From `pg_type.dat`; these never change.
const OID = { bytea: 17, int8: 20, int4: 23, text: 25, uuid: 2950 } as const

const HEADER_BYTES = 20
const EMPTY_BYTES = 12
const LENGTH_BYTES = 4
const NULL_LENGTH = -1

export function byteaArray(values: readonly Uint8Array[]): Buffer {
  return arrayOfBytes(OID.bytea, values)
}

/** Of lowercase hex, as `bytea`: ids and public keys. */
export function hexArray(values: readonly string[]): Buffer {
  return arrayOfBytes(
    OID.bytea,
    values.map((hex) => Buffer.from(hex, 'hex')),
  )
}

export function textArray(values: readonly (string | undefined)[]): Buffer {
  return arrayOfBytes(
    OID.text,
    values.map((text) => (text === undefined ? undefined : Buffer.from(text))),
  )
}

/** Of 32 characters of hex each. */
export function uuidArray(values: readonly (string | undefined)[]): Buffer {
  return arrayOfBytes(
    OID.uuid,
    values.map((hex) => (hex === undefined ? undefined : Buffer.from(hex, 'hex'))),
  )
}

/** Of safe integers. */
export function int8Array(values: readonly (number | undefined)[]): Buffer {
  return arrayOfNumbers(OID.int8, 8, values, (target, value, at) => target.writeBigInt64BE(BigInt(value), at))
}

export function int4Array(values: readonly (number | undefined)[]): Buffer {
  return arrayOfNumbers(OID.int4, 4, values, (target, value, at) => target.writeInt32BE(value, at))
}

function arrayOfNumbers(
  elementOid: number,
  width: number,
  values: readonly (number | undefined)[],
  write: (target: Buffer, value: number, at: number) => void,
): Buffer {
  const array = startArray(elementOid, values, values.length * width)
  let at = HEADER_BYTES
  for (const value of values) {
    array.writeInt32BE(value === undefined ? NULL_LENGTH : width, at)
    at += LENGTH_BYTES
    if (value === undefined) continue
    write(array, value, at)
    at += width
  }
  // Missing values have a length and no bytes.
  return values.length === 0 ? array : array.subarray(0, at)
}

function arrayOfBytes(elementOid: number, values: readonly (Uint8Array | undefined)[]): Buffer {
  const byteLength = values.reduce((sum, value) => sum + (value?.length ?? 0), 0)
  const array = startArray(elementOid, values, byteLength)
  let at = HEADER_BYTES
  for (const value of values) {
    array.writeInt32BE(value?.length ?? NULL_LENGTH, at)
    at += LENGTH_BYTES
    if (value === undefined) continue
    array.set(value, at)
    at += value.length
  }
  return array
}

/** The array's header, with room behind it for the lengths and `byteLength` bytes of values. */
function startArray(elementOid: number, values: readonly unknown[], byteLength: number): Buffer {
  if (values.length === 0) {
    const empty = Buffer.alloc(EMPTY_BYTES)
    empty.writeInt32BE(elementOid, 8)
    return empty
  }
  const array = Buffer.allocUnsafe(HEADER_BYTES + values.length * LENGTH_BYTES + byteLength)
  array.writeInt32BE(1, 0) // dimensions
  array.writeInt32BE(values.includes(undefined) ? 1 : 0, 4)
  array.writeInt32BE(elementOid, 8)
  array.writeInt32BE(values.length, 12)
  array.writeInt32BE(1, 16) // the first index
  return array
}
