import { AppError } from '../../kernel/index.ts'
import { loadNativeVerifier } from './native-verifier.ts'
import type { SignatureVerifier, VerifierChoice } from './verifier.ts'
import { loadWasmVerifier } from './wasm-verifier.ts'

/**
 * Makes the verifier that was asked for; `auto` takes the fastest that can be had (docs/performance.md).
 * Throws `VERIFIER_UNAVAILABLE` when `native` is asked for and the system has no libsecp256k1.
 */
export async function createSignatureVerifier(choice: VerifierChoice): Promise<SignatureVerifier> {
  if (choice === 'wasm') return loadWasmVerifier()
  const native = await loadNativeVerifier()
  if (native !== undefined) return native
  if (choice === 'auto') return loadWasmVerifier()
  throw new AppError(
    'VERIFIER_UNAVAILABLE',
    'relay.verifier is "native", but no libsecp256k1 with Schnorr signatures was found; install it (Debian: apt install libsecp256k1-1) or choose "auto".',
  )
}
