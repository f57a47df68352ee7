/** Members, staff, and what people are given. */
import { readPubkeyText } from '../../nostr/index.ts'
import {
  type AdminAction,
  anyText,
  DAY_SECONDS,
  DAYS,
  expiryOf,
  get,
  group,
  KEY,
  LIMIT,
  numberOf,
  optional,
  REASON,
  ROLE_ID,
  STAFF_ROLE,
  wholeNumber,
} from './action.ts'

export const PEOPLE: readonly AdminAction[] = [
  ...group('invite', {
    create: {
      says: 'make an invite to the community',
      options: [
        { flags: '--uses <number>', says: 'how many may join with it; 1 without this' },
        { flags: '--code <text>', says: 'of your choice; otherwise one is made up' },
        DAYS,
      ],
      request: (_args, options) => ({
        path: 'invites/create',
        body: {
          maxUses: Number(options.text('uses') ?? '1'),
          ...optional('code', options),
          ...expiryOf(options),
        },
      }),
    },
    list: {
      says: 'invites, with their codes',
      options: [LIMIT],
      request: (_args, options) => get('invites', { limit: options.text('limit') }),
    },
    revoke: {
      says: 'make one worthless',
      args: [{ name: 'code', read: anyText }],
      request: ([code]) => ({ path: 'invites/revoke', body: { code } }),
    },
  }),
  ...group('member', {
    add: {
      says: 'make a key a member',
      args: [KEY],
      request: ([key]) => ({ path: 'members/add', body: { pubkeys: [key] } }),
    },
    remove: {
      says: 'end a membership',
      args: [KEY],
      request: ([key]) => ({ path: 'members/remove', body: { pubkeys: [key] } }),
    },
    list: {
      says: 'members, by their keys',
      options: [LIMIT, { flags: '--after <key>', says: 'only behind this one', read: readPubkeyText }],
      request: (_args, options) =>
        get('members', { limit: options.text('limit'), afterPubkey: options.text('after') }),
    },
  }),
  ...group('role', {
    put: {
      says: 'make a role of the community, or change it',
      args: [ROLE_ID],
      options: [
        { flags: '--label <text>', says: 'what it is called' },
        { flags: '--description <text>', says: 'what it means' },
        { flags: '--color <number>', says: 'a hue, 0 to 360' },
        { flags: '--order <number>', says: 'where it stands among the others' },
      ],
      request: ([id], options) => ({
        path: 'roles/put',
        body: {
          id,
          ...optional('label', options),
          ...optional('description', options),
          ...numberOf(options, 'color'),
          ...numberOf(options, 'order'),
        },
      }),
    },
    remove: {
      says: 'remove it, from all who have it',
      args: [ROLE_ID],
      request: ([id]) => ({ path: 'roles/remove', body: { id } }),
    },
    assign: {
      says: 'give a member a role',
      args: [KEY, ROLE_ID],
      request: ([pubkey, roleId]) => ({ path: 'roles/assign', body: { pubkey, roleId } }),
    },
    unassign: {
      says: 'take it from a member',
      args: [KEY, ROLE_ID],
      request: ([pubkey, roleId]) => ({ path: 'roles/unassign', body: { pubkey, roleId } }),
    },
    list: { says: 'roles that members can have', request: () => get('roles') },
  }),
  ...group('staff', {
    grant: {
      says: 'give a key power: owner, operator, moderator or service',
      args: [STAFF_ROLE, KEY],
      request: ([role, pubkey]) => ({ path: 'staff/grant', body: { pubkey, role } }),
    },
    revoke: {
      says: 'take it back',
      args: [STAFF_ROLE, KEY],
      request: ([role, pubkey]) => ({ path: 'staff/revoke', body: { pubkey, role } }),
    },
    list: { says: 'who has power here', request: () => get('staff') },
  }),
  ...group('trusted', {
    add: {
      says: 'trust an author',
      args: [KEY],
      options: [REASON],
      request: ([pubkey], options) => ({
        path: 'trusted/add',
        body: { pubkey, reason: options.text('reason') ?? '' },
      }),
    },
    remove: {
      says: 'trust no longer',
      args: [KEY],
      request: ([pubkey]) => ({ path: 'trusted/remove', body: { pubkey } }),
    },
    list: { says: 'trusted authors', request: () => get('trusted') },
  }),
  ...group('subscription', {
    set: {
      says: 'let a subscription last so many days from now; 0 ends it',
      args: [KEY, wholeNumber('days', 0, 100_000)],
      request: ([pubkey, days], { nowSeconds }) => ({
        path: 'subscriptions/set',
        body: { pubkey, untilSeconds: nowSeconds + Number(days) * DAY_SECONDS },
      }),
    },
    list: { says: 'subscribers, the next to end first', request: () => get('subscriptions') },
  }),
  ...group('name', {
    set: {
      says: 'give a key a name under the domain of the relay (NIP-05)',
      args: [{ name: 'name', read: anyText }, KEY],
      options: [{ flags: '--relays <urls>', says: 'where that person is found, with commas between' }],
      request: ([name, pubkey], options) => ({
        path: 'names/set',
        body: { name, pubkey, relays: (options.text('relays') ?? '').split(',').filter((url) => url !== '') },
      }),
    },
    remove: {
      says: 'take a name away',
      args: [{ name: 'name', read: anyText }],
      request: ([name]) => ({ path: 'names/remove', body: { name } }),
    },
    list: { says: 'names and whose they are', request: () => get('names') },
  }),
]
