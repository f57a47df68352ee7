/**
 * Signs the synthetic events. Both signers add no randomness (BIP-340 with 32 zero bytes as auxiliary data), so
 * they give the same signature and a dataset is the same bytes whichever made it.
 */
import { schnorr } from '@noble/curves/secp256k1.js'
import koffi from 'koffi'

export interface Signer {
  readonly name: 'libsecp256k1' | 'noble'
  /** The x-only public key, 32 bytes. */
  publicKey(secretKey: Uint8Array): Uint8Array
  /** The BIP-340 signature over 32 bytes, 64 bytes. */
  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array
}

/** The system's libsecp256k1 where there is one (some 20 times faster), else `@noble/curves`. */
export function createSigner(): Signer {
  return createNativeSigner() ?? createNobleSigner()
}

export function createNobleSigner(): Signer {
  const noAuxiliaryData = new Uint8Array(32)
  return {
    name: 'noble',
    publicKey: (secretKey) => schnorr.getPublicKey(secretKey),
    sign: (message, secretKey) => schnorr.sign(message, secretKey, noAuxiliaryData),
  }
}

const LIBRARY_NAMES = ['libsecp256k1.so.2', 'libsecp256k1.so.1', 'libsecp256k1.so.0', 'libsecp256k1.dylib']
const CONTEXT_NONE = 1
const KEYPAIR_BYTES = 96
const XONLY_KEY_BYTES = 64

/** Undefined when no libsecp256k1 with Schnorr signatures (0.2 or later) is installed. */
export function createNativeSigner(): Signer | undefined {
  const functions = loadFunctions()
  if (functions === undefined) return undefined
  const context = functions.createContext(CONTEXT_NONE)
  const keypair = new Uint8Array(KEYPAIR_BYTES)
  const xonlyKey = new Uint8Array(XONLY_KEY_BYTES)
  return {
    name: 'libsecp256k1',
    publicKey(secretKey) {
      const serialized = new Uint8Array(32)
      require1(functions.createKeypair(context, keypair, secretKey))
      require1(functions.xonlyOfKeypair(context, xonlyKey, null, keypair))
      require1(functions.serializeXonly(context, serialized, xonlyKey))
      return serialized
    },
    sign(message, secretKey) {
      const signature = new Uint8Array(64)
      require1(functions.createKeypair(context, keypair, secretKey))
      require1(functions.sign(context, signature, message, keypair, null))
      return signature
    },
  }
}

function loadFunctions() {
  for (const name of LIBRARY_NAMES) {
    try {
      const library = koffi.load(name)
      return {
        createContext: library.func('void *secp256k1_context_create(unsigned int flags)'),
        createKeypair: library.func(
          'int secp256k1_keypair_create(void *context, uint8_t *keypair, uint8_t *key)',
        ),
        xonlyOfKeypair: library.func(
          'int secp256k1_keypair_xonly_pub(void *context, uint8_t *key, int *parity, uint8_t *keypair)',
        ),
        serializeXonly: library.func(
          'int secp256k1_xonly_pubkey_serialize(void *context, uint8_t *bytes, uint8_t *key)',
        ),
        sign: library.func(
          'int secp256k1_schnorrsig_sign32(void *context, uint8_t *sig, uint8_t *message, uint8_t *keypair, uint8_t *aux)',
        ),
      }
    } catch {
      // Not installed under this name, or built without the Schnorr module: try the next.
    }
  }
  return undefined
}

function require1(result: number): void {
  if (result !== 1) throw new Error(`libsecp256k1 refused a key or signature (it returned ${result}).`)
}
