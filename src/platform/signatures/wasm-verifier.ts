import { KEPT_KEYS, type SignatureVerifier } from './verifier.ts'

/** A verifier on libsecp256k1 compiled to WebAssembly: works everywhere, several times slower than the system's. */
export async function loadWasmVerifier(): Promise<SignatureVerifier> {
  const { isXOnlyPoint, verifySchnorr } = await import('tiny-secp256k1')
  const idBytes = new Uint8Array(32)
  const keyBytes = new Uint8Array(32)
  const sigBytes = new Uint8Array(64)
  const id = Buffer.from(idBytes.buffer)
  const key = Buffer.from(keyBytes.buffer)
  const sig = Buffer.from(sigBytes.buffer)
  const isPoint = rememberedPoints(() => isXOnlyPoint(keyBytes))
  return {
    name: 'libsecp256k1 in WebAssembly (tiny-secp256k1)',
    isNative: false,
    verify: (idHex, pubkeyHex, sigHex) => {
      key.write(pubkeyHex, 'hex')
      // `verifySchnorr` throws for a key that is no point of the curve (out of the middle of WebAssembly, whose stack
      // is not put back then), and for scalars out of range.
      if (!isPoint(pubkeyHex)) return false
      id.write(idHex, 'hex')
      sig.write(sigHex, 'hex')
      try {
        return verifySchnorr(idBytes, keyBytes, sigBytes)
      } catch {
        return false
      }
    },
  }
}

/**
 * Keys that were found to be points lately. To find out takes a root in the field, a tenth of a check, which the check
 * itself does once more. All are forgotten when there are `KEPT_KEYS`.
 */
function rememberedPoints(isPoint: () => boolean): (pubkey: string) => boolean {
  const points = new Set<string>()
  return (pubkey) => {
    if (points.has(pubkey)) return true
    if (!isPoint()) return false
    if (points.size === KEPT_KEYS) points.clear()
    points.add(pubkey)
    return true
  }
}
