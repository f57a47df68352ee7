import { type Client, openClient } from '../kit/client.ts'
import type { Draft } from '../kit/event.ts'
import { httpRequest, httpUrlOf } from '../kit/http.ts'
import { authorizationOf, httpAuthEvent } from '../kit/http-auth.ts'
import {
  adminOf,
  authFor,
  call,
  callBody,
  isManaged,
  isManagedAlone,
  listed,
  manage,
  managementUrl,
} from '../kit/management.ts'
import { readRelayInfo } from '../kit/nip11.ts'
import type { Row } from '../kit/row.ts'
import { randomHex, sha256Hex, signId } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, skip, sleep } from '../kit/verdict.ts'

/** Addresses that are nobody's (RFC 5737). */
const SOME_IP = '203.0.113.77'
const OTHER_IP = '203.0.113.78'
/** How long a relay may take to publish what somebody has decided. */
const PUBLISH_MS = 10_000

export const rows: readonly Row[] = [
  {
    id: 'R-01',
    level: 'M',
    claim: 'A call without an Authorization header is answered 401',
    run: async (t) => {
      t.requireNip(86)
      const { status, result } = await call(t, 'supportedmethods', [], { authorization: null })
      checkSame(status, 401, 'status')
      checkSame(result, undefined, 'result')
    },
  },
  {
    id: 'R-02',
    level: 'M',
    claim: 'An authorization that is wrong in one point is answered 401, or 403 for a key that may not',
    needs: isManaged,
    run: async (t) => {
      const client = await managed(t)
      const victim = t.key()
      const body = callBody('banpubkey', [victim.pubkey])
      for (const [what, header] of Object.entries(brokenAuthorizations(t, body))) {
        const { status } = await call(t, 'banpubkey', [victim.pubkey], { authorization: header })
        check(status === 401 || status === 403, `${what}: answered ${status}`)
        if (what !== 'a key that may not') checkSame(status, 401, what)
      }
      await client.accept(t.event(victim))
    },
  },
  {
    id: 'R-03',
    level: 'M',
    claim: 'A good call is answered 200 with a result, one that fails with an error',
    needs: isManaged,
    run: async (t) => {
      t.requireNip(86)
      const good = await call(t, 'supportedmethods')
      checkSame(good.status, 200, 'status')
      check(Array.isArray(good.result), `the result is ${JSON.stringify(good.result)}`)
      check(good.error === undefined || good.error === null, `there is an error: ${String(good.error)}`)
      const bad = await call(t, 'banpubkey', ['nobody'])
      check(typeof bad.error === 'string' && bad.error !== '', `expected an error, got ${bad.body}`)
      check(bad.result === undefined || bad.result === null, `a result beside the error: ${bad.body}`)
    },
  },
  {
    id: 'R-04',
    level: 'P',
    claim: 'The u tag may name the relay as wss or https, with or without a slash at the end',
    needs: isManaged,
    run: async (t) => {
      t.requireNip(86)
      const http = managementUrl(t).replace(/\/$/, '')
      const ws = t.relayUrl.replace(/\/$/, '')
      for (const url of [http, `${http}/`, ws, `${ws}/`]) {
        const event = httpAuthEvent(adminOf(t), {
          method: 'POST',
          url,
          body: callBody('supportedmethods'),
        })
        const { status } = await call(t, 'supportedmethods', [], { authorization: authorizationOf(event) })
        checkSame(status, 200, `u = ${url}`)
      }
    },
  },
  {
    id: 'R-05',
    level: 'P',
    claim: 'An authorization is good for one change only',
    needs: isManaged,
    run: async (t) => {
      const [client, victim] = [await managed(t), t.key()]
      const params = [victim.pubkey, 'conformance']
      const authorization = authorizationOf(authFor(t, adminOf(t), callBody('banpubkey', params)))
      const first = await call(t, 'banpubkey', params, { authorization })
      checkSame(first.status, 200, 'the first use')
      await manage(t, 'unbanpubkey', params)
      const again = await call(t, 'banpubkey', params, { authorization })
      checkSame(again.status, 401, 'the second use')
      await client.accept(t.event(victim))
    },
  },
  {
    id: 'R-06',
    level: 'S',
    claim: 'supportedmethods names each method once, and the lists among them can be asked for',
    needs: isManaged,
    run: async (t) => {
      t.requireNip(86)
      const methods = await manage(t, 'supportedmethods')
      check(Array.isArray(methods) && methods.length > 0, `supportedmethods is ${JSON.stringify(methods)}`)
      checkSame(new Set(methods).size, methods.length, 'different names')
      for (const method of methods.filter((name) => String(name).startsWith('list')))
        check(Array.isArray(await manage(t, String(method))), `${String(method)} lists nothing`)
      t.note(methods.join(' '))
    },
  },
  {
    id: 'R-07',
    level: 'O',
    claim: 'Banning a key holds for its next EVENT and shows in the list; allowed keys are listed too',
    needs: isManaged,
    run: async (t) => {
      const [client, key] = [await managed(t), t.key()]
      await client.accept(t.event(key))
      await manage(t, 'banpubkey', [key.pubkey, 'conformance'])
      await client.refuse(t.event(key), ['blocked', 'restricted'], 'an event of a banned key')
      check((await listed(t, 'listbannedpubkeys', 'pubkey')).includes(key.pubkey), 'the key is not listed')
      check((await listed(t, 'listbannedpubkeys', 'reason')).includes('conformance'), 'no reason is listed')
      await manage(t, 'unbanpubkey', [key.pubkey])
      await client.accept(t.event(key))
      await manage(t, 'allowpubkey', [key.pubkey, 'conformance'])
      check((await listed(t, 'listallowedpubkeys', 'pubkey')).includes(key.pubkey), 'not listed as allowed')
      await manage(t, 'unallowpubkey', [key.pubkey])
      const left = await listed(t, 'listallowedpubkeys', 'pubkey')
      check(!left.includes(key.pubkey), 'still listed as allowed')
    },
  },
  {
    id: 'R-08',
    level: 'O',
    claim: 'Banning an event takes it away and keeps it away, until it is allowed again',
    needs: isManaged,
    run: async (t) => {
      const [client, key] = [await managed(t), t.key()]
      const [event, other] = [t.event(key), t.event(key)]
      await client.accept(event, other)
      await manage(t, 'banevent', [event.id, 'conformance'])
      checkSame((await client.query({ authors: [key.pubkey] })).length, 1, 'events left')
      await client.refuse(event, ['blocked'], 'a banned event')
      check((await listed(t, 'listbannedevents', 'id')).includes(event.id), 'the event is not listed')
      await manage(t, 'listeventsneedingmoderation')
      await manage(t, 'allowevent', [event.id])
      check(!(await listed(t, 'listbannedevents', 'id')).includes(event.id), 'the event is still listed')
      await client.publish(event)
      checkSame((await client.query({ ids: [event.id] })).length, 1, 'the event after it was allowed')
    },
  },
  {
    id: 'R-09',
    level: 'O',
    claim: 'Kinds, name, description and icon change at once, and show in NIP-11',
    needs: isManagedAlone,
    run: async (t) => {
      const [client, kind] = [await managed(t), 7357]
      await manage(t, 'disallowkind', [kind])
      await client.refuse(t.event(t.key(), { kind }), ['blocked', 'restricted'], 'an event of that kind')
      await manage(t, 'allowkind', [kind])
      await client.accept(t.event(t.key(), { kind }))
      const kinds = await manage(t, 'listallowedkinds')
      check(Array.isArray(kinds) && kinds.every(Number.isInteger), `kinds: ${JSON.stringify(kinds)}`)
      const word = randomHex(4)
      await manage(t, 'changerelayname', [`n${word}`])
      await manage(t, 'changerelaydescription', [`d${word}`])
      await manage(t, 'changerelayicon', [`https://icon.example/${word}.png`])
      const { name, description, icon } = (await readRelayInfo(t.url)).document ?? {}
      checkSame([name, description], [`n${word}`, `d${word}`], 'name and description')
      checkSame(icon, `https://icon.example/${word}.png`, 'icon')
    },
  },
  {
    id: 'R-10',
    level: 'O',
    claim: 'A blocked address gets no connection and loses those it has, others do not',
    needs: {
      ...isManagedAlone,
      settings: { ...isManagedAlone.settings, trustedProxies: ['127.0.0.1', '::1'] },
    },
    run: async (t) => {
      t.requireNip(86)
      const from = (ip: string) => t.connect({ socket: { headers: { 'x-forwarded-for': ip } } })
      const [blocked, other] = [await from(SOME_IP), await from(OTHER_IP)]
      await manage(t, 'blockip', [SOME_IP, 'conformance'])
      check((await listed(t, 'listblockedips', 'ip')).includes(SOME_IP), 'the address is not listed')
      await blocked.expectEnd('the connection of a blocked address', t.options.answerMs)
      await checkRefused(t, SOME_IP)
      await other.fence()
      await manage(t, 'unblockip', [SOME_IP])
      await (await from(SOME_IP)).fence()
    },
  },
  {
    id: 'R-11',
    level: 'O',
    claim: 'Roles can be made, changed, assigned and removed, and show in kinds 33534 and 13534',
    needs: isManagedAlone,
    timeoutMs: 60_000,
    run: async (t) => {
      const [client, key, role] = [await managed(t), t.key(), `role-${randomHex(4)}`]
      t.requireNip(43)
      await manage(t, 'createrole', [role, 'Reader', 'who reads', 120, 3])
      await untilTag(client, { kinds: [33534], '#d': [role] }, ['label', 'Reader'])
      await manage(t, 'editrole', [role, 'Writer'])
      await untilTag(client, { kinds: [33534], '#d': [role] }, ['label', 'Writer'])
      await manage(t, 'assignrole', [key.pubkey, role])
      await untilTag(client, { kinds: [13534] }, ['member', key.pubkey, role])
      await manage(t, 'unassignrole', [key.pubkey, role])
      await untilTag(client, { kinds: [13534] }, ['member', key.pubkey])
      await manage(t, 'deleterole', [role])
      const deadline = Date.now() + PUBLISH_MS
      while ((await client.query({ kinds: [33534], '#d': [role] })).length > 0) {
        check(Date.now() < deadline, 'the definition of a removed role is still served')
        await sleep(200)
      }
    },
  },
  {
    id: 'R-12',
    level: 'P',
    claim: 'Unknown methods and wrong parameters are errors and change nothing',
    needs: isManaged,
    run: async (t) => {
      const [client, key] = [await managed(t), t.key()]
      const npub = 'npub1sn0wdenkukak0d9dfczzeacvhkrgz92ak56egt7vdgzn8pv2wfqqhrjdv9'
      const wrong: readonly (readonly [string, readonly unknown[]])[] = [
        ['destroyrelay', []],
        ['constructor', []],
        ['banpubkey', []],
        ['banpubkey', [npub]],
        ['banpubkey', [key.pubkey.toUpperCase()]],
        ['banpubkey', [7]],
        ['banpubkey', [[key.pubkey]]],
        ['banpubkey', [key.pubkey, 'a reason', 'too much']],
        ['banevent', ['note1abc']],
        ['allowkind', ['1']],
        ['blockip', ['localhost']],
      ]
      for (const [method, params] of wrong) {
        const { status, error, body } = await call(t, method, params)
        const what = `${method} ${JSON.stringify(params)}`
        check(status === 200 || status === 400, `${what}: answered ${status}`)
        check(typeof error === 'string' && error !== '', `${what}: no error in ${body}`)
      }
      await client.accept(t.event(key))
    },
  },
  {
    id: 'R-13',
    level: 'P',
    claim: 'Every change is written to the audit log, with the key that made it',
    needs: isManagedAlone,
    run: async (t) => {
      t.requireNip(86)
      if (t.relay?.auditEntries === undefined) skip('the control cannot read the audit log')
      const [victim, admin] = [t.key().pubkey, adminOf(t).pubkey]
      await manage(t, 'banpubkey', [victim, 'conformance'])
      await call(t, 'banpubkey', [t.key().pubkey], { key: t.key() })
      const entries = (await t.relay.auditEntries()).filter((entry) => entry.includes(victim))
      check(entries.length > 0, 'the ban is not in the audit log')
      check(
        entries.every((entry) => entry.includes(admin)),
        'the audit log does not say who did it',
      )
    },
  },
  {
    id: 'R-14',
    level: 'D',
    claim: 'Browsers may call it from anywhere: CORS, with a preflight for Authorization and Content-Type',
    run: async (t) => {
      t.requireNip(86)
      const origin = 'https://admin.example'
      const preflight = await httpRequest(t.url, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization, content-type',
        },
      })
      check(preflight.status >= 200 && preflight.status < 300, `OPTIONS was answered ${preflight.status}`)
      const allowed = (name: string) =>
        String(preflight.headers[`access-control-allow-${name}`]).toLowerCase()
      check(['*', origin].includes(allowed('origin')), `allowed origin: ${allowed('origin')}`)
      check(allowed('methods').includes('post'), `allowed methods: ${allowed('methods')}`)
      // Browsers do not count Authorization among "*".
      for (const header of ['authorization', 'content-type'])
        check(allowed('headers').includes(header), `allowed headers: ${allowed('headers')}`)
      const { headers } = await call(t, 'supportedmethods', [], { authorization: null })
      const onAnswer = String(headers['access-control-allow-origin'])
      check(['*', origin].includes(onAnswer), `allowed origin on the answer to POST: ${onAnswer}`)
    },
  },
  {
    id: 'R-15',
    level: 'M',
    claim: 'Other HTTP with NIP-98: URL with its query, method, age and signature must be right',
    needs: isManagedAlone,
    run: async (t) => {
      const path = t.relay?.httpAuthPath
      if (path === undefined) skip('the control names no path that takes NIP-98')
      const url = new URL(path, httpUrlOf(t.url)).href
      const ask = async (header: string | undefined) => {
        const headers = header === undefined ? {} : { authorization: header }
        return (await httpRequest(t.url, { path, headers })).status
      }
      const request = { method: 'GET', url }
      const admin = adminOf(t)
      const event = (draft: Partial<Draft> = {}) => authorizationOf(httpAuthEvent(admin, request, draft))
      const other = (changed: Partial<typeof request>) =>
        authorizationOf(httpAuthEvent(admin, { ...request, ...changed }))
      checkSame(await ask(undefined), 401, 'no header')
      checkSame(
        await ask(other({ url: `${url}${url.includes('?') ? '&' : '?'}more=1` })),
        401,
        'another query',
      )
      checkSame(await ask(other({ method: 'POST' })), 401, 'another method')
      checkSame(await ask(event({ created_at: t.now() - 120 })), 401, 'two minutes old')
      checkSame(await ask(event({ kind: 1 })), 401, 'kind 1')
      checkSame(await ask(event()), 200, 'a good one')
    },
  },
]

/** A connection to a relay that has NIP-86. */
async function managed(t: Trial): Promise<Client> {
  t.requireNip(86)
  return t.connect()
}

/** Every way to be wrong in one point alone. */
function brokenAuthorizations(t: Trial, body: string): Record<string, string> {
  const [admin, url, now] = [adminOf(t), managementUrl(t), t.now()]
  const request = { method: 'POST', url, body }
  const broken = (draft: Partial<Draft>) => authorizationOf(httpAuthEvent(admin, request, draft))
  const other = (changed: Partial<typeof request>) =>
    authorizationOf(httpAuthEvent(admin, { ...request, ...changed }))
  const good = httpAuthEvent(admin, request)
  const payload = ['payload', sha256Hex(body)]
  return {
    'kind 1': broken({ kind: 1 }),
    'two minutes old': broken({ created_at: now - 120 }),
    'two minutes ahead': broken({ created_at: now + 120 }),
    'another host': other({ url: 'https://elsewhere.example/' }),
    'another path': other({ url: new URL('/elsewhere', url).href }),
    'another method': other({ method: 'GET' }),
    'no u tag': broken({ tags: [['method', 'POST'], payload] }),
    'no method tag': broken({ tags: [['u', url], payload] }),
    'no payload': authorizationOf(httpAuthEvent(admin, { method: 'POST', url })),
    'the payload of another body': other({ body: `${body} ` }),
    'a wrong signature': authorizationOf({ ...good, sig: signId(t.key(), good.id) }),
    'an id that is no hash of it': authorizationOf({ ...good, content: 'changed' }),
    'a key that may not': authorizationOf(httpAuthEvent(t.key(), request)),
    'no base64': 'Nostr !!!!',
    'base64 of nothing': 'Nostr e30=',
    'another scheme': authorizationOf(good).replace('Nostr', 'Bearer'),
  }
}

async function checkRefused(t: Trial, ip: string): Promise<void> {
  const { answerMs, quietMs } = t.options
  const context = { name: 'blocked', transcript: t.transcript, answerMs, quietMs }
  const options = { headers: { 'x-forwarded-for': ip } }
  const client = await openClient(t.url, context, options).catch(() => undefined)
  if (client === undefined) return
  await client.expectEnd('a new connection of a blocked address', answerMs)
}

/** Waits until the newest event of the filter holds this tag, exactly. */
async function untilTag(client: Client, filter: object, tag: readonly string[]): Promise<void> {
  const wanted = JSON.stringify(tag)
  const deadline = Date.now() + PUBLISH_MS
  for (;;) {
    const [newest] = await client.query({ ...filter, limit: 1 })
    if (newest?.tags.some((held) => JSON.stringify(held) === wanted)) return
    check(Date.now() < deadline, `${JSON.stringify(filter)} does not come to hold ${wanted}`)
    await sleep(200)
  }
}
