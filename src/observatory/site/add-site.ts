/**
 * Serves the built page: `/` and `/relays/…` are the same document, which finds out by itself what to show. Everything else of
 * the folder is served under its own name; whatever is not in it is answered by the application, as any 404.
 */
import { resolve } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { acceptedEncoding } from './accepted-encoding.ts'
import { readSite, type SiteFile } from './site-files.ts'

export interface SiteOptions {
  /** The folder with `index.html`; by default the one that is in the repository. */
  readonly root?: string
}

const BUILT = resolve(import.meta.dirname, '../../../web/dist')

/** The page asks nobody but this server, and nobody may put it into a frame. */
const POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=()',
}

/**
 * Adds the routes of the page; before the application is ready. The application must not have a route `/` yet.
 *
 * @throws AppError `SITE_UNREADABLE` when the folder is not there or not a built page.
 */
export async function addSite(app: FastifyInstance, { root = BUILT }: SiteOptions = {}): Promise<void> {
  const files = await readSite(root)
  for (const file of files.values()) {
    const isDocument = file.path === '/index.html'
    const paths = isDocument ? ['/', '/relays/*'] : [file.path]
    for (const path of paths) app.get(path, (request, reply) => sendFile(file, request, reply))
  }
}

async function sendFile(file: SiteFile, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { 'accept-encoding': accepted, 'if-none-match': known } = request.headers
  const encoding = acceptedEncoding(accepted)
  reply
    .headers(HEADERS)
    .header('cache-control', file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache')
    .header('etag', file.etag)
    .header('vary', 'accept-encoding')
  if (isKnown(known, file.etag)) return reply.code(304).send()
  const bytes = await file.bytes(encoding)
  const plain = await file.bytes('identity')
  // What was not worth compressing comes as it is.
  if (bytes !== plain) reply.header('content-encoding', encoding)
  return reply.type(file.mediaType).send(bytes)
}

function isKnown(header: string | undefined, etag: string): boolean {
  const bare = (tag: string) => tag.trim().replace(/^W\//, '')
  const tags = header?.split(',', 64).map(bare) ?? []
  return tags.includes('*') || tags.includes(bare(etag))
}
