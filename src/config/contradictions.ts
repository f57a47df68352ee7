import type { Config } from './schema.ts'

/** A setting that cannot hold beside another one. */
export interface Contradiction {
  /** `relay.limits.defaultLimit`. */
  readonly key: string
  readonly message: string
}

/** Settings that are right one by one and cannot hold together. */
export function findContradictions(config: Config): readonly Contradiction[] {
  return [...limitsOf(config), ...processesOf(config), ...retentionOf(config)]
}

function limitsOf({ relay: { limits, maxUnsentBytes } }: Config): readonly Contradiction[] {
  const found: Contradiction[] = []
  if (limits.defaultLimit > limits.maxLimit) {
    const message = `${limits.defaultLimit} is above relay.limits.maxLimit, ${limits.maxLimit}`
    found.push({ key: 'relay.limits.defaultLimit', message })
  }
  if (maxUnsentBytes < limits.maxMessageBytes) {
    const message = `${maxUnsentBytes} is below relay.limits.maxMessageBytes, ${limits.maxMessageBytes}: the longest event could never be delivered`
    found.push({ key: 'relay.maxUnsentBytes', message })
  }
  return found
}

/** A store in files has one owner. What is shared by several processes is in the database and in Redis. */
function processesOf({ process, relay, store, database, redis, signer }: Config): readonly Contradiction[] {
  const found: Contradiction[] = []
  const complain = (key: string, message: string): void => {
    found.push({ key, message })
  }
  const roles = new Set(process.roles)
  if (roles.size === 0) complain('process.roles', 'a process needs at least one role')
  if (store.engine === 'log') {
    if (!roles.has('relay') || roles.size === 2) {
      const message =
        'must be all of them, or relay alone; several processes need store.engine = "postgres", database.url and redis.url'
      complain('process.roles', message)
    }
    if (redis.url !== '') {
      complain(
        'redis.url',
        'is for several processes, and those need store.engine = "postgres" and database.url',
      )
    }
    return found
  }
  if (database.url === '')
    complain('store.engine', 'postgres needs database.url, a database that all processes reach')
  if (typeof relay.threads === 'number' && relay.threads > 1) {
    complain('relay.threads', 'is for store.engine = "log"; with postgres, start more processes')
  }
  if (redis.url !== '' && signer.relayKey === '' && signer.relayKeyFile === '') {
    complain(
      'signer.relayKey',
      'several processes are one relay, so all of them need the same key: give it here or in signer.relayKeyFile',
    )
  }
  if (roles.size < 3 && redis.url === '') {
    complain('process.roles', 'several processes need redis.url, by which they hear of each other')
  }
  return found
}

/** A database does not give back what it frees, so the size of its files says nothing of what is in them. */
function retentionOf({ retention, store }: Config): readonly Contradiction[] {
  if (retention.maxDiskBytes === 0 || store.engine === 'log') return []
  const message = 'is for store.engine = "log"; with postgres, use retention.rules'
  return [{ key: 'retention.maxDiskBytes', message }]
}
