/** Terms of a peer as people give them and as the database keeps them: JSON, with amounts as decimal texts. */
import { z } from 'zod'
import { ASSETS, type Asset } from '../../kernel/index.ts'
import { parseBtpUrl } from '../btp/index.ts'
import { MAX_AMOUNT } from '../packet/index.ts'
import { MIN_JWT_SECRET_BYTES, type PeerLinkSettings, type PeerTerms } from '../peer.ts'

const MAX_TOKEN_LENGTH = 500
const MAX_URL_LENGTH = 1_000
/** What an `ilp_peers` row and a packet can hold of one peer's debt. */
const MAX_LIMIT = MAX_AMOUNT
const MAX_PACKETS_PER_SECOND = 1_000_000
const MAX_IN_FLIGHT = 100_000

const amount = z
  .string()
  .regex(/^\d{1,20}$/, 'must be digits')
  .transform(BigInt)
  .refine((value) => value <= MAX_LIMIT, 'is more than 64 bits hold')
const token = z.string().min(1).max(MAX_TOKEN_LENGTH)
/** What others call us: whatever their program takes for a name. */
const jwtSubject = z.string().regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 visible characters')
const tokenHash = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hex')
const isPlainOnlyAtHome = (url: string): boolean =>
  /^(wss|https|btp\+wss):/.test(url) || /^[a-z+]+:\/\/(127\.|localhost[:/]|localhost$|\[::1\])/.test(url)
const isBtpUrl = (url: string): boolean => parseBtpUrl(url).ok
const isUrl = (url: string): boolean => URL.canParse(url)
const btpUrl = z
  .string()
  .max(MAX_URL_LENGTH)
  .regex(/^(btp\+)?wss?:\/\/[^\s@]+$/, 'must be a ws:// or wss:// URL without a token in it')
  .refine(isBtpUrl, 'is no URL')
  .refine(isPlainOnlyAtHome, 'must be encrypted (wss://) unless it is on this machine')
const httpUrl = z
  .string()
  .max(MAX_URL_LENGTH)
  .regex(/^https?:\/\/[^\s@]+$/, 'must be an http:// or https:// URL without a token in it')
  .refine(isUrl, 'is no URL')
  .refine(isPlainOnlyAtHome, 'must be encrypted (https://) unless it is on this machine')

/** Names of assets; there is at least one. */
const assetNames = Object.keys(ASSETS) as [Asset, ...Asset[]]

const linkSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('btp-client'), url: btpUrl, token }),
  z.strictObject({ kind: z.literal('btp-server'), tokenHash }),
  z.strictObject({
    kind: z.literal('http'),
    url: httpUrl,
    token,
    tokenHash,
    jwtSubject: jwtSubject.optional(),
  }),
])

/** Not asked of what is kept: its token may have been lost. */
const givenLinkSchema = linkSchema.refine(
  (link) =>
    link.kind !== 'http' ||
    link.jwtSubject === undefined ||
    Buffer.byteLength(link.token) >= MIN_JWT_SECRET_BYTES,
  { path: ['token'], message: `must have at least ${MIN_JWT_SECRET_BYTES} bytes to sign JWTs with` },
)

const limitsSchema = z.strictObject({
  maxReceivable: amount.default(0n),
  maxPayable: amount.default(0n),
  maxPacketAmount: amount.default(MAX_LIMIT),
  maxPacketsPerSecond: z.int().min(1).max(MAX_PACKETS_PER_SECOND).default(10_000),
  maxInFlight: z.int().min(1).max(MAX_IN_FLIGHT).default(1_000),
  minMessageWindowMs: z.int().min(0).max(60_000).default(1_000),
})

const settlementSchema = z
  .strictObject({
    rail: z
      .string()
      .regex(/^[a-z0-9-]{1,40}$/)
      .optional(),
    threshold: amount.default(0n),
    target: amount.default(0n),
  })
  .refine(({ threshold, target }) => target <= threshold, 'the target may not be above the threshold')
  .transform(({ rail, threshold, target }) => ({ rail, threshold, target }))

const storedTermsSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,40}$/, 'must be 1 to 40 of a–z, 0–9 and -'),
  relation: z.enum(['parent', 'peer', 'child']),
  asset: z.enum(assetNames),
  link: linkSchema,
  limits: limitsSchema.prefault({}),
  settlement: settlementSchema.prefault({}),
  exchangesRoutes: z.boolean().default(true),
})

/** What an operator gives to add a peer. */
export const peerTermsSchema = storedTermsSchema.extend({ link: givenLinkSchema })

/** What an operator changes of a peer. */
export const peerPatchSchema = z.strictObject({
  link: givenLinkSchema.optional(),
  limits: limitsSchema.optional(),
  settlement: settlementSchema.optional(),
  exchangesRoutes: z.boolean().optional(),
})

/** Without the tokens that we show: those are sealed and apart. */
export interface StoredTerms {
  readonly json: string
  readonly token: string | undefined
  readonly tokenHash: string | undefined
}

/** Takes terms apart for the database. */
export function storedTerms({ link, ...terms }: PeerTerms): StoredTerms {
  const { token: shown, hash, ...kept } = partsOf(link)
  const json = JSON.stringify({ ...terms, link: kept }, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
  return { json, token: shown, tokenHash: hash }
}

function partsOf(link: PeerLinkSettings) {
  if (link.kind === 'btp-server') return { kind: link.kind, token: undefined, hash: link.tokenHash }
  if (link.kind === 'btp-client')
    return { kind: link.kind, url: link.url, token: link.token, hash: undefined }
  const { tokenHash: hash, ...shown } = link
  return { ...shown, hash }
}

/**
 * Puts them together again.
 *
 * @throws ZodError when the row is not as `storedTerms` made it.
 */
export function termsFrom(
  json: unknown,
  secrets: { readonly token: string | undefined; readonly tokenHash: string | undefined },
): PeerTerms {
  const kept = z.looseObject({ link: z.looseObject({ kind: z.string() }) }).parse(json)
  const link = {
    ...kept.link,
    ...(secrets.token !== undefined && { token: secrets.token }),
    ...(secrets.tokenHash !== undefined && { tokenHash: secrets.tokenHash }),
  }
  return storedTermsSchema.parse({ ...kept, link })
}
