import { randomBytes } from 'node:crypto'
import { KEPT_KEYS, type SignatureVerifier } from './verifier.ts'

/** The names that Linux distributions, macOS and Windows give the library, newest first. */
const LIBRARY_NAMES = [
  'libsecp256k1.so.6',
  'libsecp256k1.so.5',
  'libsecp256k1.so.4',
  'libsecp256k1.so.3',
  'libsecp256k1.so.2',
  'libsecp256k1.so.1',
  'libsecp256k1.so',
  'libsecp256k1.dylib',
  '/opt/homebrew/lib/libsecp256k1.dylib',
  '/usr/local/lib/libsecp256k1.dylib',
  'libsecp256k1-2.dll',
]

/** SECP256K1_CONTEXT_VERIFY: what older versions need; newer ones take it as well. */
const CONTEXT_VERIFY = 0x0101
const PARSED_KEY_BYTES = 64

/** A verifier on the system's libsecp256k1, through koffi; undefined when either cannot be loaded. */
export async function loadNativeVerifier(): Promise<SignatureVerifier | undefined> {
  const library = await loadLibrary()
  if (library === undefined) return undefined
  const { name, handle } = library
  const createContext = handle.func('void *secp256k1_context_create(unsigned int flags)')
  const randomize = handle.func('int secp256k1_context_randomize(void *ctx, const uint8_t *seed32)')
  const parseKey = handle.func(
    'int secp256k1_xonly_pubkey_parse(void *ctx, uint8_t *pubkey, const uint8_t *input32)',
  )
  const verifySchnorr = handle.func(
    'int secp256k1_schnorrsig_verify(void *ctx, const uint8_t *sig64, const uint8_t *msg, size_t msglen, const uint8_t *pubkey)',
  )
  const context: unknown = createContext(CONTEXT_VERIFY)
  randomize(context, randomBytes(32))
  const idBytes = Buffer.alloc(32)
  const sigBytes = Buffer.alloc(64)
  const pointOf = keptPoints((point, key) => parseKey(context, point, key) === 1)
  return {
    name: `libsecp256k1 of the system (${name})`,
    isNative: true,
    verify: (id, pubkey, sig) => {
      const point = pointOf(pubkey)
      if (point === undefined) return false
      idBytes.write(id, 'hex')
      sigBytes.write(sig, 'hex')
      return verifySchnorr(context, sigBytes, idBytes, 32, point) === 1
    },
  }
}

/** Points of the keys that were asked for lately; undefined for what is no key. All are forgotten when there are too many. */
function keptPoints(parse: (point: Uint8Array, key: Uint8Array) => boolean) {
  const kept = new Map<string, Uint8Array>()
  const slab = new Uint8Array(KEPT_KEYS * PARSED_KEY_BYTES)
  const keyBytes = Buffer.alloc(32)
  return (pubkey: string): Uint8Array | undefined => {
    const known = kept.get(pubkey)
    if (known !== undefined) return known
    if (kept.size === KEPT_KEYS) kept.clear()
    const at = kept.size * PARSED_KEY_BYTES
    const point = slab.subarray(at, at + PARSED_KEY_BYTES)
    keyBytes.write(pubkey, 'hex')
    if (!parse(point, keyBytes)) return undefined
    kept.set(pubkey, point)
    return point
  }
}

async function loadLibrary() {
  const koffi = await import('koffi').then(
    (module) => module.default,
    // No binary for this system: the other verifier serves.
    () => undefined,
  )
  if (koffi === undefined) return undefined
  for (const name of LIBRARY_NAMES) {
    try {
      const handle = koffi.load(name)
      // Libraries built without the Schnorr module exist; asking for the symbol tells.
      handle.func('int secp256k1_schnorrsig_verify(void *, void *, void *, size_t, void *)')
      return { name, handle }
    } catch {
      // Not this one: the next name may be there.
    }
  }
  return undefined
}
