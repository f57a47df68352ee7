import { expect, expectTypeOf, test } from 'vitest'
import {
  isChangingMethod,
  isManagementRequest,
  MANAGEMENT_METHODS,
  type ManagementCall,
  parseManagementCall,
} from './nip86.ts'
import { ALICE } from './testing.ts'

const ID = 'e0'.repeat(32)

/** A right call of every method there is. */
const RIGHT_CALLS: readonly [string, unknown[], object][] = [
  ['supportedmethods', [], {}],
  ['banpubkey', [ALICE, 'spam'], { pubkey: ALICE, reason: 'spam' }],
  ['unbanpubkey', [ALICE], { pubkey: ALICE, reason: '' }],
  ['listbannedpubkeys', [], {}],
  ['allowpubkey', [ALICE, null], { pubkey: ALICE, reason: '' }],
  ['unallowpubkey', [ALICE, ''], { pubkey: ALICE, reason: '' }],
  ['listallowedpubkeys', [], {}],
  [
    'createrole',
    ['r1', 'King', 'rules', 37, 1],
    { id: 'r1', label: 'King', description: 'rules', color: 37, order: 1 },
  ],
  [
    'editrole',
    ['r1', 'Queen', null, '360', '-2'],
    { id: 'r1', label: 'Queen', description: undefined, color: 360, order: -2 },
  ],
  ['deleterole', ['r1'], { id: 'r1' }],
  ['assignrole', [ALICE, 'r1'], { pubkey: ALICE, id: 'r1' }],
  ['unassignrole', [ALICE, 'r1'], { pubkey: ALICE, id: 'r1' }],
  ['listeventsneedingmoderation', [], {}],
  ['allowevent', [ID, 'fine'], { eventId: ID, reason: 'fine' }],
  ['banevent', [ID], { eventId: ID, reason: '' }],
  ['listbannedevents', [], {}],
  ['changerelayname', ['Agora'], { name: 'Agora' }],
  ['changerelaydescription', [''], { description: '' }],
  ['changerelayicon', ['https://x.example/i.png'], { iconUrl: 'https://x.example/i.png' }],
  ['allowkind', [0], { kind: 0 }],
  ['disallowkind', [65535], { kind: 65535 }],
  ['listallowedkinds', [], {}],
  ['blockip', ['192.0.2.1', 'scanner'], { ip: '192.0.2.1', reason: 'scanner' }],
  ['unblockip', ['2001:DB8::1'], { ip: '2001:db8::1' }],
  ['listblockedips', [], {}],
]

test.each(RIGHT_CALLS)('%s with %j is understood', (method, params, value) => {
  expect(parseManagementCall({ method, params })).toEqual({ ok: true, value: { method, params: value } })
})

test('the calls above are of every method, in the order of the NIP', () => {
  expect(RIGHT_CALLS.map(([method]) => method)).toEqual(MANAGEMENT_METHODS)
})

test('a method changes something exactly if it does not list', () => {
  for (const method of MANAGEMENT_METHODS) {
    expect(isChangingMethod(method), method).toBe(!/^(list|supported)/.test(method))
  }
})

test('a call is a union that its method tells apart', () => {
  const call = parseManagementCall({ method: 'allowkind', params: [7] })
  if (!call.ok || call.value.method !== 'allowkind') throw new Error('not understood')
  expectTypeOf(call.value.params.kind).toEqualTypeOf<number>()
  type Params<M> = Extract<ManagementCall, { method: M }>['params']
  expectTypeOf<Params<'banpubkey'>>().toEqualTypeOf<{ readonly pubkey: string; readonly reason: string }>()
  expectTypeOf<Params<'createrole'>['color']>().toEqualTypeOf<number | undefined>()
})

test('params that would be empty may be left out', () => {
  expect(parseManagementCall({ method: 'listblockedips' })).toMatchObject({ ok: true })
})

test.each([
  [null, 'the body must be a JSON object with method and params'],
  [[], 'the body must be a JSON object with method and params'],
  ['banpubkey', 'the body must be a JSON object with method and params'],
  [{}, 'method must be a string'],
  [{ method: 5 }, 'method must be a string'],
  [{ method: 'stats', params: [] }, 'there is no method "stats"; supportedmethods lists them'],
  [{ method: 'toString', params: [] }, 'there is no method "toString"; supportedmethods lists them'],
  [{ method: 'BanPubkey', params: [ALICE] }, 'there is no method "BanPubkey"; supportedmethods lists them'],
  [{ method: 'banpubkey', params: { pubkey: ALICE } }, 'params must be an array'],
  [{ method: 'banpubkey', params: null }, 'params must be an array'],
  [{ method: 'banpubkey', params: [] }, 'banpubkey needs pubkey as parameter 1'],
  [{ method: 'assignrole', params: [ALICE] }, 'assignrole needs id as parameter 2'],
  [{ method: 'banpubkey', params: [ALICE, 'a', 'b'] }, 'banpubkey takes at most 2 parameters, not 3'],
  [{ method: 'listbannedpubkeys', params: [1] }, 'listbannedpubkeys takes no parameters, not 1'],
  [{ method: 'unblockip', params: ['192.0.2.1', 'why'] }, 'unblockip takes one parameter, not 2'],
])('%j is refused with a reason', (body, refusal) => {
  expect(parseManagementCall(body)).toEqual({ ok: false, refusal })
})

test.each([
  ['banpubkey', [ALICE.toUpperCase()], /pubkey must be 64 lowercase hex/],
  ['banpubkey', [`npub1${'q'.repeat(58)}`], /not an npub or nprofile: decode it first/],
  ['banpubkey', [`nostr:nprofile1${'q'.repeat(58)}`], /not an npub or nprofile/],
  ['banpubkey', [`NPUB1${'Q'.repeat(58)}`], /not an npub/],
  ['banpubkey', [`nsec1${'q'.repeat(58)}`], /secret/],
  ['banpubkey', [null], /pubkey must be/],
  ['banpubkey', [5], /pubkey must be/],
  ['banpubkey', [ALICE, 5], /reason must be a string/],
  ['banpubkey', [ALICE, 'x'.repeat(1001)], /reason must be a string of 0 to 1000/],
  ['banevent', [`note1${'q'.repeat(58)}`], /not a note or nevent/],
  ['banevent', ['x'], /eventId must be 64/],
  ['allowkind', ['1'], /kind must be an integer from 0 to 65535/],
  ['allowkind', [65536], /kind must be an integer/],
  ['allowkind', [-1], /kind must be an integer/],
  ['allowkind', [1.5], /kind must be an integer/],
  ['changerelayname', [''], /name must be a string of 1 to 100/],
  ['changerelayname', ['\ud800'], /name must be a string/],
  ['changerelayicon', ['javascript:alert(1)'], /iconUrl must be an http/],
  ['changerelayicon', ['icon.png'], /iconUrl must be an http/],
  ['blockip', ['10.0.0.0/8'], /ip must be an IPv4 or IPv6 address/],
  ['blockip', ['localhost'], /ip must be/],
  ['blockip', ['fe80::1%eth0'], /ip must be/],
  ['createrole', ['r', 'King', '', 361], /color must be an integer from 0 to 360/],
  ['createrole', ['r', 'King', '', 'red'], /color must be/],
  ['createrole', ['', 'King'], /id must be a string of 1 to 64/],
  ['createrole', ['r'], /createrole needs label as parameter 2/],
])('%s with %j is refused', (method, params, text) => {
  expect(parseManagementCall({ method, params })).toEqual({ ok: false, refusal: expect.stringMatching(text) })
})

test('a secret key that was sent by mistake is not sent back', () => {
  const nsec = `nsec1${'q'.repeat(58)}`
  for (const method of ['banpubkey', 'banevent', 'changerelayicon', 'blockip', 'allowkind']) {
    expect(JSON.stringify(parseManagementCall({ method, params: [nsec] }))).not.toContain(nsec)
  }
})

test('the name of a method without end is cut', () => {
  const parsed = parseManagementCall({ method: 'x'.repeat(1_000_000) })
  expect(parsed.ok ? '' : parsed.refusal).toHaveLength(90)
})

test.each([
  ['application/nostr+json+rpc', true],
  ['Application/Nostr+JSON+RPC; charset=utf-8', true],
  ['application/nostr+json', false],
  ['application/json', false],
  ['', false],
  [undefined, false],
])('%j as Content-Type is a management call: %s', (contentType, expected) => {
  expect(isManagementRequest(contentType)).toBe(expected)
})
