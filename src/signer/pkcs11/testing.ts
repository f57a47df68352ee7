/** Tokens of SoftHSM2 in a folder of their own, for tests. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cryptoki, loadCryptoki } from './cryptoki.ts'
import type { TokenOptions } from './token.ts'

/** Where Debian, Ubuntu, Fedora and Homebrew put it. */
const MODULES = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
]

export const TEST_PIN = 'test-pin-7391'
const SO_PIN = 'security-officer'

export interface SoftHsm {
  readonly module: string
  /** Makes an empty token and answers with how it is opened. */
  makeToken(tokenLabel: string): TokenOptions
  /** Puts an AES key of somebody's into a token, as whoever knows the PIN can. */
  plantKey(tokenLabel: string, label: string): void
  remove(): void
}

/** The path of the module; undefined, and said aloud, when this machine has no SoftHSM2. */
export function findSoftHsm(): string | undefined {
  const module = MODULES.find((path) => existsSync(path))
  if (module === undefined)
    console.warn('SKIPPED: tests of tokens need SoftHSM2 (Debian: apt install softhsm2).')
  return module
}

/** From now on this process, and those that it starts, see these tokens and no others. */
export function startSoftHsm(module: string): SoftHsm {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-softhsm-'))
  const tokens = join(folder, 'tokens')
  mkdirSync(tokens)
  writeFileSync(join(folder, 'conf'), `directories.tokendir = ${tokens}\nobjectstore.backend = file\n`)
  const before = process.env.SOFTHSM2_CONF
  process.env.SOFTHSM2_CONF = join(folder, 'conf')
  return {
    module,
    makeToken(tokenLabel) {
      const label = ['--init-token', '--free', '--label', tokenLabel]
      execFileSync('softhsm2-util', [...label, '--pin', TEST_PIN, '--so-pin', SO_PIN], { stdio: 'pipe' })
      return { module, tokenLabel, pin: { text: TEST_PIN } }
    },
    plantKey(tokenLabel, label) {
      const path = join(folder, 'planted')
      writeFileSync(path, Buffer.alloc(32, 7))
      const where = ['--token', tokenLabel, '--pin', TEST_PIN, '--label', label, '--id', '07']
      execFileSync('softhsm2-util', ['--import', path, '--aes', ...where], { stdio: 'pipe' })
    },
    remove() {
      if (before === undefined) delete process.env.SOFTHSM2_CONF
      else process.env.SOFTHSM2_CONF = before
      rmSync(folder, { recursive: true })
    },
  }
}

/** The real module, except where `instead` has another answer: a token that is full, or that lacks something. */
export function loadWith(
  instead: (...call: Parameters<Cryptoki['call']>) => number | undefined,
): typeof loadCryptoki {
  return async (path) => {
    const cryptoki = await loadCryptoki(path)
    return { ...cryptoki, call: async (...call) => instead(...call) ?? cryptoki.call(...call) }
  }
}
