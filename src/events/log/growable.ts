/** Typed arrays that grow by doubling. */

export function grownU32(array: Uint32Array, needed: number): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(Math.max(needed, array.length * 2))
  grown.set(array)
  return grown
}

export function grownU8(array: Uint8Array, needed: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(Math.max(needed, array.length * 2))
  grown.set(array)
  return grown
}

export function grownF64(array: Float64Array, needed: number): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(Math.max(needed, array.length * 2))
  grown.set(array)
  return grown
}

export function grownU16(array: Uint16Array, needed: number): Uint16Array<ArrayBuffer> {
  const grown = new Uint16Array(Math.max(needed, array.length * 2))
  grown.set(array)
  return grown
}
