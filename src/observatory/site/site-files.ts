/** The built files in memory, and what is said of each to a browser. */
import { hash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { extname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { AppError } from '../../kernel/index.ts'

/** Some hundred kilobytes are expected; a folder that holds more is not the one that was meant. */
const MAX_SITE_BYTES = 8 * 1024 * 1024
const MAX_SITE_FILES = 200

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.txt': 'text/plain; charset=utf-8',
}

export type Encoding = 'br' | 'gzip' | 'identity'

export interface SiteFile {
  /** `/assets/index-1a2b.js`. */
  readonly path: string
  readonly mediaType: string
  /** Its name changes with its content, so it may be kept for ever. */
  readonly isImmutable: boolean
  readonly etag: string
  /** Compressed when it is first asked for, then kept. */
  bytes(encoding: Encoding): Promise<Buffer>
}

/**
 * Reads a built folder whole.
 *
 * @throws AppError `SITE_UNREADABLE` when it is not there, has no index.html, or is too large to be a page.
 */
export async function readSite(root: string): Promise<ReadonlyMap<string, SiteFile>> {
  const paths = await pathsIn(root)
  const files = await Promise.all(
    paths.map(async (path) => siteFile(urlPath(root, path), await readFile(path))),
  )
  const site = new Map(files.map((file) => [file.path, file]))
  if (!site.has('/index.html')) throw unreadable(root, 'it has no index.html')
  return site
}

async function pathsIn(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw unreadable(root, 'it cannot be listed', cause)
  })
  const files = entries.filter((entry) => entry.isFile())
  if (files.length > MAX_SITE_FILES)
    throw unreadable(root, `it holds ${files.length} files, more than ${MAX_SITE_FILES}`)
  return files.map((entry) => join(entry.parentPath, entry.name))
}

function urlPath(root: string, path: string): string {
  return `/${relative(root, path).replaceAll('\\', '/')}`
}

function siteFile(path: string, content: Buffer): SiteFile {
  if (content.length > MAX_SITE_BYTES) throw unreadable(path, `it is longer than ${MAX_SITE_BYTES} bytes`)
  const mediaType = MEDIA_TYPES[extname(path)] ?? 'application/octet-stream'
  const isText = /^text|svg|json/.test(mediaType)
  const compressed = new Map<Encoding, Promise<Buffer>>([['identity', Promise.resolve(content)]])
  return {
    path,
    mediaType,
    isImmutable: path.startsWith('/assets/'),
    // Weak: the same for all its encodings.
    etag: `W/"${hash('sha256', content, 'base64url').slice(0, 22)}"`,
    bytes(encoding) {
      const wanted = isText ? encoding : 'identity'
      const kept = compressed.get(wanted) ?? compress(content, wanted)
      compressed.set(wanted, kept)
      return kept
    },
  }
}

function compress(content: Buffer, encoding: Encoding): Promise<Buffer> {
  if (encoding === 'gzip') return promisify(gzip)(content, { level: 9 })
  return promisify(brotliCompress)(content, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
  })
}

function unreadable(path: string, why: string, cause?: unknown): AppError {
  const message = `The page cannot be served from ${path}: ${why}. Build it: npm run build -w web`
  return new AppError('SITE_UNREADABLE', message, { cause, facts: { path } })
}
