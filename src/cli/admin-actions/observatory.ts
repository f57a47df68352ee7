/** What `stoa observatory` shows and does, but for exports, which are files. */
import { accepted, refused } from '../../kernel/index.ts'
import { type AdminAction, type AdminArgument, anyText, get, group, LIMIT, single } from './action.ts'

const URL_OF_RELAY: AdminArgument = { name: 'url', read: anyText }
const API_KEY: AdminArgument = {
  name: 'api-key',
  // Whoever has the text at hand has the id in it; the text itself goes no further.
  read: (text) => {
    const [, id] = /^(?:stoa_)?([0-9a-f]{16})(?:_[A-Za-z0-9_-]{43})?$/.exec(text) ?? []
    return id === undefined
      ? refused('must be the id of an API key, 16 hex characters, as its owner sees it listed')
      : accepted(id)
  },
}

export const OBSERVATORY: readonly AdminAction[] = [
  single('show', {
    says: 'what is watched, who keeps the figures and how old they are, relays, the journal, offences',
    request: () => get('observatory'),
  }),
  single('begin-anew', {
    says: 'let the figures begin at nothing, where "stoa doctor" says that they cannot be read back; hours and days of the past stay',
    request: () => ({ path: 'observatory/begin-anew', body: {} }),
  }),
  single('relays', {
    says: 'relays that are known, by address: state and why, and when they are tried next',
    options: [
      { flags: '--text <text>', says: 'only addresses that hold this' },
      {
        flags: '--state <word>',
        says: 'candidate, connecting, catching-up, live, polling, waiting or refused',
      },
      { flags: '--refused', says: 'only those that an operator has refused' },
      { flags: '--after <url>', says: 'only behind this address' },
      LIMIT,
    ],
    request: (_args, options) =>
      get('observatory/relays', {
        text: options.text('text'),
        state: options.text('state'),
        refused: options.has('refused') ? 'true' : undefined,
        after: options.text('after'),
        limit: options.text('limit'),
      }),
  }),
  ...group('relay', {
    add: {
      says: 'have a relay watched',
      args: [URL_OF_RELAY],
      request: ([url]) => ({ path: 'observatory/relays/add', body: { url } }),
    },
    refuse: {
      says: 'leave a relay, and never connect to it',
      args: [URL_OF_RELAY],
      options: [{ flags: '--why <text>', says: 'for other operators; nobody else sees it' }],
      request: ([url], options) => ({
        path: 'observatory/relays/refuse',
        body: { url, why: options.text('why') ?? '' },
      }),
    },
    allow: {
      says: 'take that back',
      args: [URL_OF_RELAY],
      request: ([url]) => ({ path: 'observatory/relays/allow', body: { url } }),
    },
  }),
  ...group('alerts', {
    list: {
      says: 'alerts that the operator has set up, and which of them fire',
      request: () => get('observatory/alerts'),
    },
  }),
  ...group('tier', {
    show: {
      says: 'what an API key may ask, and who pays for it',
      args: [API_KEY],
      isDefault: false,
      request: ([key]) => get('observatory/tier', { key }),
    },
    subscribe: {
      says: "subscribe an API key to a tier; its owner's relay credit pays, this month and each from now on",
      args: [API_KEY, { name: 'tier', read: anyText }],
      request: ([key, tier]) => ({ path: 'observatory/tier/subscribe', body: { key, tier } }),
    },
    end: {
      says: 'end its subscription; what was paid is had to the end of its month',
      args: [API_KEY],
      request: ([key]) => ({ path: 'observatory/tier/end', body: { key } }),
    },
  }),
]
