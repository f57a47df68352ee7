/** What is done in the background, and what was done by whom. */
import { type AdminAction, anyText, get, group, ID, keyOrText, LIMIT, parsedIfJson } from './action.ts'

export const UPKEEP: readonly AdminAction[] = [
  ...group('mirror', {
    add: {
      says: 'follow or feed another relay',
      args: [{ name: 'url', read: anyText }],
      options: [
        { flags: '--direction <word>', says: 'pull, push or both; pull without this' },
        { flags: '--filter <json>', says: 'only events that match' },
      ],
      request: ([url], options) => {
        const filter = options.text('filter')
        return {
          path: 'mirrors/add',
          body: {
            url,
            direction: options.text('direction') ?? 'pull',
            ...(filter !== undefined && { filters: [parsedIfJson(filter)] }),
          },
        }
      },
    },
    remove: {
      says: 'end it; what it brought stays',
      args: [ID],
      request: ([id]) => ({ path: 'mirrors/remove', body: { id } }),
    },
    pause: {
      says: 'stop it until it is resumed',
      args: [ID],
      request: ([id]) => ({ path: 'mirrors/pause', body: { id } }),
    },
    resume: {
      says: 'go on where it stopped',
      args: [ID],
      request: ([id]) => ({ path: 'mirrors/resume', body: { id } }),
    },
    list: { says: 'mirrors and how they are', request: () => get('mirrors') },
  }),
  ...group('backup', {
    now: { says: 'begin a backup', request: () => ({ path: 'backups/start', body: {} }) },
    list: { says: 'backups, the newest first', request: () => get('backups') },
  }),
  ...group('jobs', {
    queues: {
      says: 'work that is done later: what waits, runs and was given up',
      isDefault: true,
      request: () => get('jobs/queues'),
    },
    failures: {
      says: 'jobs that were given up, the newest first',
      options: [
        LIMIT,
        { flags: '--queue <name>', says: 'only of this one' },
        { flags: '--after <id>', says: 'only behind this one' },
      ],
      request: (_args, options) =>
        get('jobs/failures', {
          limit: options.text('limit'),
          queue: options.text('queue'),
          after: options.text('after'),
        }),
    },
    retry: {
      says: 'have one tried again',
      args: [ID],
      request: ([id]) => ({ path: 'jobs/retry', body: { id } }),
    },
    remove: {
      says: 'forget one',
      args: [ID],
      request: ([id]) => ({ path: 'jobs/remove', body: { id } }),
    },
  }),
  ...group('audit', {
    list: {
      says: 'what people with power did, the newest first',
      options: [
        LIMIT,
        { flags: '--before <number>', says: 'only before this row' },
        { flags: '--actor <name>', says: 'only of this key, or cli', read: keyOrText },
        { flags: '--action <name>', says: 'only this' },
        { flags: '--subject <text>', says: 'only about this', read: keyOrText },
      ],
      request: (_args, options) =>
        get('audit', {
          limit: options.text('limit'),
          beforeNumber: options.text('before'),
          actor: options.text('actor'),
          action: options.text('action'),
          subject: options.text('subject'),
        }),
    },
    verify: { says: 'check that nobody changed the log', request: () => get('audit/verify') },
  }),
]
