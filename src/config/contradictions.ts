import type { Config } from './schema.ts'

/** A setting that cannot hold beside another one. */
export interface Contradiction {
  /** `relay.limits.defaultLimit`. */
  readonly key: string
  readonly message: string
}

/** Settings that are right one by one and cannot hold together. */
export function findContradictions(config: Config): readonly Contradiction[] {
  return [
    ...limitsOf(config),
    ...processesOf(config),
    ...retentionOf(config),
    ...nodeOf(config),
    ...remoteNodeOf(config),
    ...tokenOf(config),
  ]
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
  const isWhole = roles.has('relay') && roles.has('api') && roles.has('jobs')
  if (store.engine === 'log') {
    if (!isWhole && !(roles.size === 1 && roles.has('relay'))) {
      const message =
        'must be relay, api and jobs (ilp and collector if you like), or relay alone; several processes need store.engine = "postgres", database.url and redis.url'
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
  if (!isWhole && redis.url === '') {
    complain('process.roles', 'several processes need redis.url, by which they hear of each other')
  }
  const hasSecret = signer.interledgerSecret !== '' || signer.interledgerSecretFile !== ''
  if (redis.url !== '' && roles.has('ilp') && !hasSecret) {
    complain(
      'signer.interledgerSecret',
      'processes of role ilp take the place of each other, so all of them need the same secret: give it here or in signer.interledgerSecretFile, or leave ilp out of process.roles',
    )
  }
  return found
}

/** A token is named by its library and its label, and opened by its PIN. */
function tokenOf({ signer }: Config): readonly Contradiction[] {
  const { pkcs11Module, pkcs11TokenLabel, pkcs11Pin, pkcs11PinFile } = signer
  if (pkcs11Module === '') {
    const isNamed = pkcs11TokenLabel !== '' || pkcs11Pin !== '' || pkcs11PinFile !== ''
    return isNamed
      ? [{ key: 'signer.pkcs11Module', message: 'is missing: it is the library of the token' }]
      : []
  }
  if (pkcs11TokenLabel === '')
    return [
      { key: 'signer.pkcs11TokenLabel', message: 'is missing: it says which token of the library is meant' },
    ]
  if ((pkcs11Pin === '') === (pkcs11PinFile === ''))
    return [{ key: 'signer.pkcs11Pin', message: 'give the PIN here or in signer.pkcs11PinFile' }]
  return []
}

/** One asset has one rate. */
function nodeOf({
  interledger: { rates, rpcToken, rpcTokenFile },
  settlement,
}: Config): readonly Contradiction[] {
  const found: Contradiction[] = []
  const codes = rates.map((rate) => rate.split(' ', 1)[0])
  if (settlement.engineUrl !== '' && settlement.engineToken === '')
    found.push({ key: 'settlement.engineToken', message: 'is missing: the engine shows it to us' })
  const twice = codes.find((code, index) => codes.indexOf(code) !== index)
  if (twice !== undefined)
    found.push({ key: 'interledger.rates', message: `has two rates for ${twice}; leave one` })
  if (rpcToken !== '' && rpcTokenFile !== '')
    found.push({
      key: 'interledger.rpcTokenFile',
      message: 'is given beside interledger.rpcToken; leave one',
    })
  return found
}

/** A process is the node, or has one elsewhere. */
function remoteNodeOf({
  interledger: { remoteUrl, remoteToken, remoteTokenFile },
  process,
}: Config): readonly Contradiction[] {
  const hasToken = remoteToken !== '' || remoteTokenFile !== ''
  if (remoteUrl === '') {
    const message = 'is missing: it is the node that the token is for'
    return hasToken ? [{ key: 'interledger.remoteUrl', message }] : []
  }
  const found: Contradiction[] = []
  if (process.roles.includes('ilp'))
    found.push({
      key: 'interledger.remoteUrl',
      message: 'is for a process that is no node itself; leave ilp out of process.roles',
    })
  if (!hasToken)
    found.push({
      key: 'interledger.remoteToken',
      message: 'is missing: give it here or in interledger.remoteTokenFile',
    })
  if (remoteToken !== '' && remoteTokenFile !== '')
    found.push({
      key: 'interledger.remoteTokenFile',
      message: 'is given beside interledger.remoteToken; leave one',
    })
  return found
}

/** A database does not give back what it frees, so the size of its files says nothing of what is in them. */
function retentionOf({ retention, store }: Config): readonly Contradiction[] {
  if (retention.maxDiskBytes === 0 || store.engine === 'log') return []
  const message = 'is for store.engine = "log"; with postgres, use retention.rules'
  return [{ key: 'retention.maxDiskBytes', message }]
}
