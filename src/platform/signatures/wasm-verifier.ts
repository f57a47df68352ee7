import type { SignatureVerifier } from './verifier.ts'

/** A verifier on libsecp256k1 compiled to WebAssembly: works everywhere, several times slower than the system's. */
export async function loadWasmVerifier(): Promise<SignatureVerifier> {
  const { isXOnlyPoint, verifySchnorr } = await import('tiny-secp256k1')
  const idBytes = new Uint8Array(32)
  const keyBytes = new Uint8Array(32)
  const sigBytes = new Uint8Array(64)
  const id = Buffer.from(idBytes.buffer)
  const key = Buffer.from(keyBytes.buffer)
  const sig = Buffer.from(sigBytes.buffer)
  return {
    name: 'libsecp256k1 in WebAssembly (tiny-secp256k1)',
    isNative: false,
    verify: (idHex, pubkeyHex, sigHex) => {
      key.write(pubkeyHex, 'hex')
      // `verifySchnorr` throws for a key that is no point of the curve, and for scalars out of range.
      if (!isXOnlyPoint(keyBytes)) return false
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
