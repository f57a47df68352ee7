/**
 * What one signature check costs by each route that npm or the system offers: `node bench/signatures.ts [count]`.
 * CPU microseconds, medians of several rounds in turn, on signatures of many keys.
 */
import { schnorr } from '@noble/curves/secp256k1.js'
import { bytesToHex, hexToBytes } from '@noble/curves/utils.js'
import { createSignatureVerifier } from '../src/platform/index.ts'

const ROUNDS = 5
const KEYS = 50

interface Signed {
  readonly id: string
  readonly pubkey: string
  readonly sig: string
}

type Check = (signed: Signed) => boolean

const count = Number(process.argv[2] ?? 500)
const signed = sign(count)
const routes = await findRoutes()
const figures = new Map(routes.map(([name]) => [name, [] as number[]]))
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, check] of routes) {
    const micros = timeEach(check)
    // The first round warms up.
    if (round > 0) figures.get(name)?.push(micros)
  }
}
for (const [name, micros] of figures) {
  console.log(`${median(micros).toFixed(1).padStart(8)} µs  ${name}`)
}

async function findRoutes(): Promise<readonly (readonly [string, Check])[]> {
  const wasm = await createSignatureVerifier('wasm')
  const best = await createSignatureVerifier('auto')
  const noble: Check = ({ id, pubkey, sig }) =>
    schnorr.verify(hexToBytes(sig), hexToBytes(id), hexToBytes(pubkey))
  const libraries = best.isNative ? [best, wasm] : [wasm]
  if (!best.isNative) console.warn('No libsecp256k1 on this system: its row is missing.')
  return [
    ...libraries.map(
      ({ name, verify }) => [name, ({ id, pubkey, sig }: Signed) => verify(id, pubkey, sig)] as const,
    ),
    ['@noble/curves, JavaScript', noble] as const,
  ]
}

function timeEach(check: Check): number {
  const before = process.cpuUsage()
  for (const each of signed) {
    if (!check(each)) throw new Error(`A good signature was refused: ${each.sig}`)
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / signed.length
}

function sign(howMany: number): readonly Signed[] {
  const secretKeys = Array.from({ length: KEYS }, (_, index) => new Uint8Array(32).fill(index + 1))
  return Array.from({ length: howMany }, (_, index) => {
    const secretKey = secretKeys[index % KEYS]!
    const message = new Uint8Array(32)
    new DataView(message.buffer).setUint32(0, index)
    return {
      id: bytesToHex(message),
      pubkey: bytesToHex(schnorr.getPublicKey(secretKey)),
      sig: bytesToHex(schnorr.sign(message, secretKey)),
    }
  })
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
