/** What `stoa ledger` shows, and what `stoa ilp` shows and does. */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import { memberOf } from '../admin-answer.ts'
import type { AdminRequest } from '../admin-client.ts'
import {
  type AdminAction,
  type AdminArgument,
  type AdminOption,
  type AdminOptions,
  anyText,
  get,
  group,
  LIMIT,
  numberOf,
  optional,
  single,
} from './action.ts'

const PATH: AdminArgument = { name: 'path', read: anyText }
const ASSET: AdminArgument = { name: 'asset', read: anyText }
const PEER: AdminArgument = { name: 'peer', read: anyText }

export const LEDGER: readonly AdminAction[] = [
  single('accounts', {
    says: 'accounts and their balances, in the smallest unit of their asset',
    options: [
      { flags: '--prefix <path>', says: 'only paths that begin with it' },
      { flags: '--asset <asset>', says: 'only of this asset' },
      { flags: '--after-path <path>', says: 'only behind this account …' },
      { flags: '--after-asset <asset>', says: '… in this asset' },
      LIMIT,
    ],
    request: (_args, options) =>
      get('ledger/accounts', {
        prefix: options.text('prefix'),
        asset: options.text('asset'),
        afterPath: options.text('afterPath'),
        afterAsset: options.text('afterAsset'),
        limit: options.text('limit'),
      }),
  }),
  single('statement', {
    says: 'what was booked on an account, the newest first',
    args: [PATH, ASSET],
    options: [
      { flags: '--from-ms <time>', says: 'not before, in Unix milliseconds' },
      { flags: '--to-ms <time>', says: 'before, in Unix milliseconds' },
      { flags: '--before <transfer>', says: 'only older than this transfer' },
      LIMIT,
    ],
    request: ([path, asset], options) =>
      get('ledger/statement', {
        path,
        asset,
        fromMs: options.text('fromMs'),
        toMs: options.text('toMs'),
        before: options.text('before'),
        limit: options.text('limit'),
      }),
  }),
  single('trial-balance', {
    says: 'all debits and credits of each asset: they are equal, or something is wrong',
    request: () => get('ledger/trial-balance'),
  }),
]

const MIN_TOKEN_LENGTH = 16

/** A token is not typed where others can read it. */
function tokenFrom(path: string): Outcome<string, string> {
  try {
    const token = readFileSync(path, 'utf8').trim()
    if (token.length >= MIN_TOKEN_LENGTH) return accepted(token)
    return refused(`holds ${token.length} characters, and a token has ${MIN_TOKEN_LENGTH} or more`)
  } catch (error) {
    return refused(`cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Only the digest goes further than this. */
function digestFrom(path: string): Outcome<string, string> {
  const token = tokenFrom(path)
  return token.ok ? accepted(createHash('sha256').update(token.value).digest('hex')) : token
}

const LINK: readonly AdminOption[] = [
  { flags: '--connect <url>', says: 'connect to its BTP server: wss://…; with --token-file' },
  { flags: '--http <url>', says: 'exchange packets over HTTP: https://…; with both token files' },
  { flags: '--token-file <file>', says: 'holds the token that we show it', read: tokenFrom },
  { flags: '--their-token-file <file>', says: 'holds the token that it shows us', read: digestFrom },
  {
    flags: '--jwt-subject <name>',
    says: 'over HTTP: show a JWT made with the token, for this name, not the token',
  },
]
const TERMS: readonly AdminOption[] = [
  { flags: '--max-receivable <units>', says: 'the most that it may owe us; without it nothing' },
  { flags: '--max-payable <units>', says: 'the most that we will owe it; without it nothing' },
  { flags: '--max-packet <units>', says: 'the largest packet' },
  { flags: '--max-rate <number>', says: 'packets per second that it may send' },
  { flags: '--rail <name>', says: 'how debts are settled' },
  { flags: '--threshold <units>', says: 'we settle when we owe it more …' },
  { flags: '--target <units>', says: '… until we owe it this' },
]

const SENDING: AdminOption = {
  flags: '--send <units>',
  says: 'send so much, in the smallest unit of the asset',
}
const DELIVERING: AdminOption = {
  flags: '--deliver <units>',
  says: 'deliver so much, in the smallest unit of what the receiver counts in',
}

export const INTERLEDGER: readonly AdminAction[] = [
  single('show', {
    says: 'the node: address, packets per second, what was fulfilled and refused',
    request: () => get('interledger'),
  }),
  ...group('peer', {
    list: { says: 'peers, what they owe us and how they are', request: () => get('interledger/peers') },
    add: {
      says: 'exchange packets with a peer; it connects to us unless --connect or --http says otherwise',
      args: [PEER, ASSET],
      options: [
        { flags: '--relation <word>', says: 'peer, child or parent; peer without this' },
        { flags: '--without-routes', says: 'exchange no routes with it' },
        ...LINK,
        ...TERMS,
      ],
      request: ([id, asset], options) => ({
        path: 'interledger/peers/add',
        body: {
          id,
          asset,
          relation: options.text('relation') ?? 'peer',
          link: linkOf(options),
          limits: limitsOf(options),
          settlement: settlementOf(options),
          exchangesRoutes: !options.has('withoutRoutes'),
        },
      }),
    },
    change: {
      says: 'give it other terms; limits or settlement are replaced whole',
      args: [PEER],
      options: [...LINK, ...TERMS],
      request: ([id], options) => ({
        path: 'interledger/peers/change',
        body: { id, change: changeOf(options) },
      }),
    },
    pause: { says: 'no packets until it is resumed', args: [PEER], request: peerChange('pause') },
    resume: { says: 'packets again', args: [PEER], request: peerChange('resume') },
    close: { says: 'no packets for good; its books stay', args: [PEER], request: peerChange('close') },
  }),
  ...group('route', {
    list: {
      says: 'which peer a destination is reached by',
      options: [LIMIT, { flags: '--after <prefix>', says: 'only behind this one' }],
      request: (_args, options) =>
        get('interledger/routes', { limit: options.text('limit'), after: options.text('after') }),
    },
    add: {
      says: 'send what goes to a prefix to a peer, whatever others say of it',
      args: [{ name: 'prefix', read: accepted }, PEER],
      request: ([prefix, peerId]) => ({ path: 'interledger/routes/add', body: { prefix, peerId } }),
    },
    remove: {
      says: 'take such a route back',
      args: [{ name: 'prefix', read: accepted }],
      request: ([prefix]) => ({ path: 'interledger/routes/remove', body: { prefix } }),
    },
  }),
  single('quote', {
    says: 'ask what a payment would cost or deliver; nothing is paid',
    args: [{ name: 'to', read: anyText }, ASSET],
    options: [SENDING, DELIVERING],
    request: ([to, asset], options) => ({
      path: 'interledger/quote',
      body: { to, asset, ...optional('send', options), ...optional('deliver', options) },
    }),
  }),
  single('pay', {
    says: 'pay a payment pointer ($example.com/alice) or its URL',
    args: [{ name: 'to', read: anyText }, ASSET],
    options: [
      SENDING,
      DELIVERING,
      { flags: '--max-send <units>', says: 'never send more; needed with --deliver' },
      { flags: '--from <account>', says: 'whose money it is; expenses/payments without this' },
      { flags: '--key <text>', says: 'what was paid with this key is not paid again' },
    ],
    request: ([to, asset], options) => ({
      path: 'interledger/pay',
      body: {
        key: options.text('key') ?? `cli:${randomBytes(12).toString('hex')}`,
        to,
        asset,
        ...optional('from', options),
        ...optional('send', options),
        ...optional('deliver', options),
        ...optional('maxSend', options),
      },
    }),
    isDone: (json) => memberOf(json, 'state') === 'done',
    before: (request, options) =>
      options.text('key') === undefined ? `this payment has the key ${keyIn(request)}` : undefined,
    whenUnanswered: (request) =>
      `the payment may go on: "stoa ilp payment ${keyIn(request)}" says what became of it. Asked again with --key ${keyIn(request)} it is not paid twice; without it, it is.`,
  }),
  single('payment', {
    says: 'what became of a payment',
    args: [{ name: 'key', read: anyText }],
    request: ([key]) => get('interledger/payment', { key }),
  }),
  ...group('settlement', {
    show: {
      says: 'how debts are paid: rails and what is wrong with them, orders, channels',
      options: [LIMIT],
      request: (_args, options) => get('interledger/settlement', { limit: options.text('limit') }),
    },
    'give-up': {
      says: 'give up an order that neither happens nor fails, and book it back',
      args: [{ name: 'key', read: anyText }],
      options: [
        {
          flags: '--never-taken',
          says: 'your word that its network never took it and never will; if it does, it is paid twice',
        },
      ],
      request: ([key], options) => ({
        path: 'interledger/settlement/give-up',
        body: { key, neverTaken: options.has('neverTaken') },
      }),
    },
  }),
  single('ping', {
    says: 'send a packet that nobody can fulfil, and see who refuses it and how soon',
    args: [{ name: 'address', read: anyText }],
    request: ([destination]) => ({ path: 'interledger/ping', body: { destination } }),
  }),
  single('balance', {
    says: 'what peers owe us; negative: what we owe them',
    request: () => get('ledger/accounts', { prefix: 'assets/peer/', limit: '500' }),
  }),
]

function keyIn({ body }: AdminRequest): string {
  return String(memberOf(body, 'key'))
}

function peerChange(verb: string): AdminAction['request'] {
  return ([id]) => ({ path: `interledger/peers/${verb}`, body: { id } })
}

/** What is missing is refused where it arrives, with its name. */
function linkOf(options: AdminOptions): object {
  const token = optional('token', renamed(options, 'tokenFile'))
  const tokenHash = optional('tokenHash', renamed(options, 'theirTokenFile'))
  const [connect, http] = [options.text('connect'), options.text('http')]
  if (http !== undefined)
    return { kind: 'http', url: http, ...token, ...tokenHash, ...optional('jwtSubject', options) }
  return connect === undefined
    ? { kind: 'btp-server', ...tokenHash }
    : { kind: 'btp-client', url: connect, ...token }
}

/** The options with one of them under whatever name is asked for. */
function renamed(options: AdminOptions, from: string): AdminOptions {
  return { ...options, text: () => options.text(from) }
}

function limitsOf(options: AdminOptions): object {
  return {
    ...optional('maxReceivable', options),
    ...optional('maxPayable', options),
    ...optional('maxPacketAmount', renamed(options, 'maxPacket')),
    ...numberOf(options, 'maxRate', 'maxPacketsPerSecond'),
  }
}

function settlementOf(options: AdminOptions): object {
  return {
    ...optional('rail', options),
    ...optional('threshold', options),
    ...optional('target', options),
  }
}

function changeOf(options: AdminOptions): object {
  const isNamed = (...names: readonly string[]) => names.some((name) => options.text(name) !== undefined)
  return {
    ...(isNamed('connect', 'http', 'tokenFile', 'theirTokenFile', 'jwtSubject') && { link: linkOf(options) }),
    ...(isNamed('maxReceivable', 'maxPayable', 'maxPacket', 'maxRate') && { limits: limitsOf(options) }),
    ...(isNamed('rail', 'threshold', 'target') && { settlement: settlementOf(options) }),
  }
}
