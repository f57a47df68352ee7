/**
 * Structures of PKCS#11 as bytes, for machines where `CK_ULONG` and pointers have eight bytes each, low byte first.
 */

/** Bytes that point to other bytes, which must not be collected before them. */
export interface Memory {
  readonly bytes: Buffer
  readonly held: readonly (Buffer | Memory)[]
}

export type AddressOf = (buffer: Buffer) => bigint

/** An attribute of a key: a claim, a number, or bytes. */
export type AttributeValue = boolean | number | Buffer

export const ULONG_BYTES = 8
const ATTRIBUTE_BYTES = 24

export function ulong(value: number | bigint = 0): Buffer {
  const bytes = Buffer.alloc(ULONG_BYTES)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

/** An array of `CK_ATTRIBUTE`: type, pointer to the value, length of the value. */
export function attributes(
  list: readonly (readonly [type: number, value: AttributeValue])[],
  addressOf: AddressOf,
): Memory {
  const values = list.map(([, value]) => bytesOf(value))
  const fields = list.flatMap(([type], index) => [type, addressOf(values[index]!), values[index]!.length])
  return { bytes: ulongs(fields), held: values }
}

/** The length that the module wrote into an attribute of the array. */
export function lengthOfAttribute({ bytes }: Memory, index: number): number {
  return Number(bytes.readBigUInt64LE(index * ATTRIBUTE_BYTES + 2 * ULONG_BYTES))
}

/** `CK_MECHANISM`, whose parameter is nothing, bytes, or a structure. */
export function mechanism(
  type: number,
  parameter: Buffer | Memory | undefined,
  addressOf: AddressOf,
): Memory {
  if (parameter === undefined) return { bytes: ulongs([type, 0, 0]), held: [] }
  const bytes = 'bytes' in parameter ? parameter.bytes : parameter
  return { bytes: ulongs([type, addressOf(bytes), bytes.length]), held: [bytes, parameter] }
}

/** `CK_GCM_PARAMS` (v2.40) without additional data: IV, its length, its bits, no data, the bits of the tag. */
export function gcmParameters(iv: Buffer, addressOf: AddressOf): Memory {
  return { bytes: ulongs([addressOf(iv), iv.length, iv.length * 8, 0, 0, 128]), held: [iv] }
}

/** `CK_C_INITIALIZE_ARGS`: no functions of ours for locking, flags, nothing reserved. */
export function initializeArguments(flags: number): Buffer {
  return ulongs([0, 0, 0, 0, flags, 0])
}

/** What is read of `CK_TOKEN_INFO`: texts are padded with blanks. */
export interface TokenInfo {
  readonly label: string
  readonly serial: string
  readonly flags: number
}

export const TOKEN_INFO_BYTES = 208

export function readTokenInfo(bytes: Buffer): TokenInfo {
  return {
    label: paddedText(bytes, 0, 32),
    serial: paddedText(bytes, 80, 16),
    flags: Number(bytes.readBigUInt64LE(96)),
  }
}

function paddedText(bytes: Buffer, from: number, length: number): string {
  return bytes.toString('utf8', from, from + length).replace(/[ \0]+$/, '')
}

function bytesOf(value: AttributeValue): Buffer {
  if (typeof value === 'boolean') return Buffer.of(value ? 1 : 0)
  return typeof value === 'number' ? ulong(value) : value
}

function ulongs(values: readonly (number | bigint)[]): Buffer {
  return Buffer.concat(values.map((value) => ulong(value)))
}
