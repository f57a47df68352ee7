import { type HttpAnswer, httpRequest } from '../kit/http.ts'
import { asObject, parseObject, readRelayInfo } from '../kit/nip11.ts'
import { checkPrefix } from '../kit/prefix.ts'
import type { Row } from '../kit/row.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, fail, skip } from '../kit/verdict.ts'

const DOCUMENT_TYPE = 'application/nostr+json'
const HEX_KEY = /^[0-9a-f]{64}$/
/** NIPs that concern clients alone: a relay has nothing to do for them. */
const CLIENT_NIPS: ReadonlySet<number> = new Set([6, 7, 8, 14, 19, 21, 27, 30, 31, 36, 49, 55])
const REMOVED_MEMBERS = [
  'retention',
  'relay_countries',
  'language_tags',
  'tags',
  'posting_policy',
  'privacy_policy',
]

export const rows: readonly Row[] = [
  {
    id: 'I-01',
    level: 'S',
    claim: 'A GET on the relay address with Accept: application/nostr+json returns the document as JSON',
    run: async (t) => {
      const { status, headers, body } = await getDocument(t)
      checkSame(status, 200, 'status')
      check(parseObject(body) !== undefined, `the body is no JSON object: ${body.slice(0, 100)}`)
      const type = String(headers['content-type'])
      check(type.startsWith(DOCUMENT_TYPE), `content type ${type}`)
    },
  },
  {
    id: 'I-02',
    level: 'D',
    claim: 'An Accept list and an upper-case header name still get the document',
    run: async (t) => {
      const variants = [
        { accept: `${DOCUMENT_TYPE}, */*;q=0.5` },
        { ACCEPT: DOCUMENT_TYPE },
        { accept: `text/html;q=0.2,${DOCUMENT_TYPE}` },
      ]
      for (const headers of variants) {
        const { body } = await httpRequest(t.url, { headers })
        check(parseObject(body) !== undefined, `${JSON.stringify(headers)} got ${body.slice(0, 80)}`)
      }
    },
  },
  {
    id: 'I-03',
    level: 'M',
    claim: 'The three Access-Control-Allow headers are there on GET and on the OPTIONS preflight',
    run: async (t) => {
      checkCors(await getDocument(t), 'GET')
      const preflight = {
        origin: 'https://client.example',
        'access-control-request-method': 'GET',
        accept: DOCUMENT_TYPE,
      }
      const answer = await httpRequest(t.url, { method: 'OPTIONS', headers: preflight })
      check(answer.status >= 200 && answer.status < 300, `OPTIONS was answered ${answer.status}`)
      checkCors(answer, 'OPTIONS')
    },
  },
  {
    id: 'I-04',
    level: 'M',
    claim: 'self, when present, is a key in hex and signs what the relay publishes itself',
    run: async (t) => {
      const self = documentOf(t).self
      if (self === undefined) skip('the document has no self')
      check(typeof self === 'string' && HEX_KEY.test(self), `self is ${JSON.stringify(self)}`)
      const client = await t.connect()
      for (const event of await client.query({ kinds: [13534, 39000, 39001, 39002], limit: 20 })) {
        checkSame(event.pubkey, self, `the author of the relay's kind ${event.kind}`)
      }
    },
  },
  {
    id: 'I-05',
    level: 'M',
    claim: 'software, when present, is a URL',
    run: async (t) => {
      const { software } = documentOf(t)
      if (software === undefined) skip('the document has no software')
      const isUrl = typeof software === 'string' && URL.canParse(software)
      check(isUrl, `software is ${JSON.stringify(software)}`)
    },
  },
  {
    id: 'I-06',
    level: 'S',
    claim: 'supported_nips lists integers in ascending order, only such that concern a relay',
    run: async (t) => {
      const nips = documentOf(t).supported_nips
      check(Array.isArray(nips) && nips.length > 0, `supported_nips is ${JSON.stringify(nips)}`)
      const numbers = nips.map(Number)
      check(
        nips.every((nip) => Number.isInteger(nip)),
        `not all are integers: ${JSON.stringify(nips)}`,
      )
      checkSame(
        numbers,
        [...new Set(numbers)].toSorted((a, b) => a - b),
        'supported_nips, ascending',
      )
      check(numbers.includes(1), 'NIP-01 is missing')
      checkSame(
        numbers.filter((nip) => CLIENT_NIPS.has(nip)),
        [],
        'NIPs that concern clients alone',
      )
    },
  },
  {
    id: 'I-07',
    level: 'S',
    claim: 'The numbers of limitation are whole, fit together, and max_subid_length holds at its boundary',
    run: async (t) => {
      const limitation = asObject(documentOf(t).limitation)
      if (limitation === undefined) skip('the document has no limitation')
      for (const [name, value] of Object.entries(limitation)) {
        if (typeof value !== 'number') continue
        check(Number.isInteger(value) && value >= 0, `${name} is ${value}`)
      }
      const [byDefault, max] = [t.info.limit('default_limit'), t.info.limit('max_limit')]
      check(
        (byDefault ?? 0) <= (max ?? Number.POSITIVE_INFINITY),
        `default_limit ${byDefault} is above max_limit ${max}`,
      )
      await checkSubscriptionIdLength(t)
      t.note('the other limits have rows of their own: E-25, E-26, F-24, F-25, S-15, T-02, W-02')
    },
  },
  {
    id: 'I-08',
    level: 'S',
    claim: 'auth_required, payment_required and restricted_writes say what a stranger meets',
    run: async (t) => {
      documentOf(t)
      const client = await t.connect({ auth: false })
      const { isAccepted, text } = await client.publish(t.event(t.key()))
      const { closed } = await client.request({ kinds: [1], limit: 1 })
      if (t.info.isAuthRequired) {
        checkPrefix(text, ['auth-required'], 'EVENT before AUTH')
        return checkPrefix(closed ?? '', ['auth-required'], 'REQ before AUTH')
      }
      check(closed === undefined, `auth_required is not set, yet REQ was CLOSED with "${closed}"`)
      const mayRefuse = t.info.isPaymentRequired || t.info.areWritesRestricted
      check(isAccepted || mayRefuse, `nothing says that writes are restricted, yet EVENT got "${text}"`)
      check(!(isAccepted && mayRefuse), 'writes are said to be restricted or paid, yet a stranger may write')
    },
  },
  {
    id: 'I-09',
    level: 'O',
    claim: 'fees lists amounts with units; payments_url sits at the top level',
    run: async (t) => {
      const document = documentOf(t)
      if (document.fees === undefined) skip('the document has no fees')
      const fees = asObject(document.fees) ?? fail(`fees is ${JSON.stringify(document.fees)}`)
      for (const [name, list] of Object.entries(fees)) {
        check(Array.isArray(list), `fees.${name} is no list`)
        for (const fee of list) {
          const { amount, unit } = asObject(fee) ?? {}
          check(
            typeof amount === 'number' && typeof unit === 'string',
            `fees.${name} holds ${JSON.stringify(fee)}`,
          )
        }
      }
      check(asObject(document.limitation)?.payments_url === undefined, 'payments_url sits in limitation')
    },
  },
  {
    id: 'I-10',
    level: 'S',
    claim: 'name has less than 30 characters, pubkey is hex, contact is a URI',
    run: async (t) => {
      const { name, pubkey, contact } = documentOf(t)
      check(
        typeof name === 'string' && name.length > 0 && [...name].length < 30,
        `name is ${JSON.stringify(name)}`,
      )
      if (isGiven(pubkey)) check(HEX_KEY.test(String(pubkey)), `pubkey is ${JSON.stringify(pubkey)}`)
      if (isGiven(contact)) check(URL.canParse(String(contact)), `contact is ${JSON.stringify(contact)}`)
    },
  },
  {
    id: 'I-11',
    level: 'D',
    claim: 'A changed setting shows in the document without a restart',
    needs: {
      relay: 'whose settings the suite can change while it runs (a RelayControl)',
      isShown: () => false,
      settings: { name: 'before the change' },
    },
    run: async (t) => {
      if (t.relay?.reload === undefined) skip('the control cannot change settings of a running relay')
      checkSame(t.info.name, 'before the change', 'name')
      await t.relay.reload({ name: 'after the change' })
      checkSame((await readRelayInfo(t.url)).name, 'after the change', 'name after the change')
    },
  },
  {
    id: 'I-12',
    level: 'D',
    claim: 'Members that NIP-11 has dropped are not served',
    run: async (t) => {
      const served = REMOVED_MEMBERS.filter((member) => member in documentOf(t))
      if (served.length > 0) skip(`still served, as it may: ${served.join(', ')}`)
    },
  },
]

function getDocument(t: Trial): Promise<HttpAnswer> {
  return httpRequest(t.url, { headers: { accept: DOCUMENT_TYPE } })
}

function documentOf(t: Trial): Readonly<Record<string, unknown>> {
  return t.info.document ?? fail('the relay serves no NIP-11 document')
}

function checkCors({ headers }: HttpAnswer, method: string): void {
  for (const name of ['origin', 'headers', 'methods']) {
    const header = headers[`access-control-allow-${name}`]
    check(typeof header === 'string' && header !== '', `${method}: Access-Control-Allow-${name} is missing`)
  }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== ''
}

async function checkSubscriptionIdLength(t: Trial): Promise<void> {
  const max = t.info.limit('max_subid_length')
  if (max === undefined) return
  const client = await t.connect()
  const length = Math.min(max, 64)
  await client.subscribe('x'.repeat(length), { limit: 0 })
  client.send(['REQ', 'x'.repeat(max + 1), { limit: 0 }])
  const { closed } = await client.endOf('x'.repeat(max + 1))
  check(closed !== undefined, `an id of ${max + 1} characters was served`)
}
