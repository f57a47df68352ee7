/** What a relay says of itself (NIP-11), fetched with as little trust as anything else. */
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import { RELAY_INFORMATION_MEDIA_TYPE } from '../../nostr/index.ts'
import type { RelayInformationFacts } from '../relay-report.ts'
import { shownText } from './relay-message.ts'
import type { RelayRoute } from './relay-route.ts'

const MAX_INFORMATION_BYTES = 65_536
const INFORMATION_TIMEOUT_MS = 10_000
const MAX_NIPS = 128
const MAX_LIST = 16
const MAX_ICON_CHARACTERS = 255

/** Other relays that one document may name; further ones are not read. */
export const MAX_NAMED_RELAYS = 16
const MAX_NAMED_CHARACTERS = 255

export interface RelayInformation {
  readonly facts: RelayInformationFacts
  /**
   * Addresses of other relays that it names, as it spells them. NIP-11 has no field for that and lets relays add fields of
   * their own: `relays` and `mirrors`, lists of URLs, are read.
   */
  readonly named: readonly string[]
}

/** Asks a relay for its information document. Redirects are not followed. The refusal says what came instead. */
export async function fetchRelayInformation(
  { address, options }: RelayRoute,
  signal: AbortSignal,
): Promise<Outcome<RelayInformation, string>> {
  const url = new URL(address)
  const isTls = url.protocol === 'wss:'
  url.protocol = isTls ? 'https:' : 'http:'
  const { promise, resolve } = Promise.withResolvers<Outcome<RelayInformation, string>>()
  const request = (isTls ? requestHttps : requestHttp)(url, {
    ...options,
    agent: false,
    headers: { accept: RELAY_INFORMATION_MEDIA_TYPE },
    signal: AbortSignal.any([signal, AbortSignal.timeout(INFORMATION_TIMEOUT_MS)]),
  })
  const giveUp = (why: string) => {
    resolve(refused(why))
    request.destroy()
  }
  request.on('error', (error) => resolve(refused(error.message)))
  request.on('upgrade', () => giveUp('it upgraded instead'))
  request.on('response', (response) => {
    response.on('error', (error) => resolve(refused(error.message)))
    if (response.statusCode !== 200) {
      giveUp(`HTTP ${response.statusCode}`)
      return
    }
    const chunks: Buffer[] = []
    let bytes = 0
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_INFORMATION_BYTES) giveUp('it is too long')
      else chunks.push(chunk)
    })
    response.on('end', () => resolve(parseRelayInformation(Buffer.concat(chunks).toString('utf8'))))
  })
  request.end()
  return promise
}

/** Reads an information document; what is not as NIP-11 has it is left out. */
export function parseRelayInformation(text: string): Outcome<RelayInformation, string> {
  const document = asObject(parseJson(text))
  if (document === undefined) return refused('it is no JSON object')
  const limitation = asObject(document.limitation) ?? {}
  const minDifficulty = limitation.min_pow_difficulty
  const facts: RelayInformationFacts = {
    ...textFact('name', document.name),
    ...textFact('description', document.description),
    ...textFact('software', document.software),
    ...textFact('version', document.version),
    nips: numbersOf(document.supported_nips),
    countries: textsOf(document.relay_countries, /^[A-Za-z]{2}$/).map((country) => country.toUpperCase()),
    languages: textsOf(document.language_tags, /^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$/),
    needsPayment: limitation.payment_required === true,
    needsAuth: limitation.auth_required === true,
    needsWork: typeof minDifficulty === 'number' && minDifficulty > 0,
    restrictsWrites: limitation.restricted_writes === true,
    ...iconFact(document.icon),
  }
  return accepted({ facts, named: namedRelays(document.relays, document.mirrors) })
}

function namedRelays(...lists: readonly unknown[]): readonly string[] {
  const named = new Set<string>()
  for (const list of lists) {
    if (!Array.isArray(list)) continue
    for (const url of list.slice(0, MAX_NAMED_RELAYS))
      if (typeof url === 'string' && url.length <= MAX_NAMED_CHARACTERS) named.add(url)
  }
  return [...named].slice(0, MAX_NAMED_RELAYS)
}

type TextFact = 'name' | 'description' | 'software' | 'version'

function textFact(name: TextFact, value: unknown): Partial<Record<TextFact, string>> {
  const text = shownText(value)
  return text === '' ? {} : { [name]: text }
}

function iconFact(value: unknown): { readonly icon?: string } {
  if (typeof value !== 'string' || value.length > MAX_ICON_CHARACTERS) return {}
  const url = URL.parse(value)
  return url?.protocol === 'https:' ? { icon: url.href } : {}
}

function numbersOf(value: unknown): readonly number[] {
  if (!Array.isArray(value)) return []
  const numbers = value
    .slice(0, MAX_NIPS)
    .map((item: unknown) => (typeof item === 'string' && /^\d{1,4}$/.test(item) ? Number(item) : item))
    .filter((item): item is number => typeof item === 'number' && Number.isInteger(item))
    .filter((item) => item >= 0 && item < 10_000)
  return [...new Set(numbers)].sort((a, b) => a - b)
}

function textsOf(value: unknown, shape: RegExp): readonly string[] {
  if (!Array.isArray(value)) return []
  return value
    .slice(0, MAX_LIST)
    .filter((item): item is string => typeof item === 'string' && item.length <= 32 && shape.test(item))
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
