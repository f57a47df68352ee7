/**
 * Chooses the relays that the observatory starts from, out of public lists of relays, and writes
 * `src/observatory/seeds/relays.txt`: `node scripts/choose-seeds.ts <folder with the lists> <events.ndjson>`. The same lists
 * give the same file. `src/observatory/seeds/README.md` says how it chooses.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { normalizeRelayAddress } from '../src/observatory/collector/index.ts'

const SEEDS_PATH = resolve(import.meta.dirname, '../src/observatory/seeds/relays.txt')
/** Relays in the file at most; two of a host with several. */
const MAX_SEEDS = 500
const MAX_SEEDS_OF_HOST = 2
/** Of all checks that the relay did not refuse to be part of, these shares were answered. */
const REACHABLE = 0.5
const DEAD = 0.05
/** So many checks say something. */
const FEWEST_CHECKS = 50

interface Candidate {
  readonly url: string
  /** Names of the lists that it is in. */
  readonly lists: Set<string>
  /** People whose relay list (10002) or contact list (3) names it. */
  readonly people: Set<string>
  /** Place in the longest list, which begins with what is used most. */
  place: number
  checks: number
  answered: number
}

const [folder, eventsPath] = process.argv.slice(2)
if (folder === undefined || eventsPath === undefined) {
  console.error('usage: node scripts/choose-seeds.ts <folder with the lists> <events.ndjson>')
  process.exit(2)
}

const candidates = new Map<string, Candidate>()
readUnion(readFileSync(join(folder, 'relays_union.tsv'), 'utf8'))
readPlaces(readFileSync(join(folder, 'bigbrotr_seed_relays.txt'), 'utf8'))
readHealth(gunzipSync(readFileSync(join(folder, 'qntx_health_history.csv.gz'))).toString('utf8'))
readPeople(readFileSync(eventsPath, 'utf8'))

const all = [...candidates.values()]
const alive = all.filter((one) => one.checks >= FEWEST_CHECKS && shareOf(one) >= REACHABLE)
const dead = all.filter((one) => one.checks >= FEWEST_CHECKS && shareOf(one) < DEAD)
const unchecked = all.filter(
  (one) => !alive.includes(one) && !dead.includes(one) && (one.lists.size > 1 || one.people.size > 1),
)
const ranked = [...alive.toSorted(bySuccess), ...unchecked.toSorted(byLists)]
const chosen = withFewOfHost(ranked).slice(0, MAX_SEEDS)
writeFileSync(SEEDS_PATH, render(chosen))
console.log({
  candidates: all.length,
  alive: alive.length,
  dead: dead.length,
  inSeveralLists: unchecked.length,
  chosen: chosen.length,
  chosenAlive: chosen.filter((one) => alive.includes(one)).length,
  chosenByLists: [...Map.groupBy(chosen, ({ lists }) => lists.size)]
    .map(([lists, of]) => `${of.length} in ${lists}`)
    .join(', '),
  lastChosen: chosen.at(-1)?.url,
})

function readUnion(tsv: string): void {
  for (const line of linesOf(tsv).slice(1)) {
    const [url = '', sources = ''] = line.split('\t')
    const candidate = candidateOf(url)
    for (const source of sources.split(',')) candidate?.lists.add(source)
  }
}

function readPlaces(text: string): void {
  for (const [place, url] of linesOf(text).entries()) {
    const candidate = candidateOf(url)
    if (candidate !== undefined) candidate.place = Math.min(candidate.place, place)
  }
}

/** `checked_at,url,outcome,…`; `skipped` and `blocked` say nothing of whether it answers. */
function readHealth(csv: string): void {
  for (const line of linesOf(csv).slice(1)) {
    const [, url = '', outcome = ''] = line.split(',')
    const candidate = outcome === 'success' || outcome === 'failure' ? candidateOf(url) : undefined
    if (candidate === undefined) continue
    candidate.checks++
    if (outcome === 'success') candidate.answered++
  }
}

function readPeople(ndjson: string): void {
  for (const line of linesOf(ndjson)) {
    const event = JSON.parse(line) as { kind: number; pubkey: string; tags: string[][]; content: string }
    for (const url of relaysNamedBy(event)) candidateOf(url)?.people.add(event.pubkey)
  }
}

function relaysNamedBy({
  kind,
  tags,
  content,
}: {
  kind: number
  tags: string[][]
  content: string
}): readonly string[] {
  if (kind === 10002) return tags.flatMap(([name, url]) => (name === 'r' && url !== undefined ? [url] : []))
  if (kind !== 3 || !content.startsWith('{')) return []
  try {
    return Object.keys(JSON.parse(content) as object)
  } catch {
    return [] // Not every contact list has relays in its content.
  }
}

/** Undefined for what is no public relay of its own: no name, somebody's own path, an onion service. */
function candidateOf(url: string): Candidate | undefined {
  const normal = normalizeRelayAddress(url.trim())
  if (!normal.ok) return undefined
  const { hostname, pathname, protocol } = new URL(normal.value)
  const isNumber = /^[\d.]+$/.test(hostname) || hostname.startsWith('[')
  const isPersonal = /npub1|nprofile1|[0-9a-f]{32}/i.test(pathname)
  if (isNumber || isPersonal || protocol !== 'wss:') return undefined
  const known = candidates.get(normal.value)
  if (known !== undefined) return known
  const candidate: Candidate = {
    url: normal.value,
    lists: new Set(),
    people: new Set(),
    place: Number.MAX_SAFE_INTEGER,
    checks: 0,
    answered: 0,
  }
  candidates.set(normal.value, candidate)
  return candidate
}

function shareOf({ checks, answered }: Candidate): number {
  return answered / checks
}

/** In steps of one in twenty, so that a bad hour does not outweigh how widely it is known. */
function bySuccess(a: Candidate, b: Candidate): number {
  return Math.round(shareOf(b) * 20) - Math.round(shareOf(a) * 20) || byLists(a, b)
}

function byLists(a: Candidate, b: Candidate): number {
  return (
    b.lists.size - a.lists.size ||
    Math.min(b.people.size, 5) - Math.min(a.people.size, 5) ||
    a.place - b.place ||
    (a.url < b.url ? -1 : 1)
  )
}

function withFewOfHost(ranked: readonly Candidate[]): readonly Candidate[] {
  const taken = new Map<string, number>()
  return ranked.filter(({ url }) => {
    const { host } = new URL(url)
    const before = taken.get(host) ?? 0
    taken.set(host, before + 1)
    return before < MAX_SEEDS_OF_HOST
  })
}

function render(chosen: readonly Candidate[]): string {
  return `# Relays that the observatory starts from: a URL on each line, best first. Written by scripts/choose-seeds.ts out of public
# lists of relays: first those that answered at least half of the health checks of three months (best first), then those
# that are in several lists, by how many, by how many people name them, and by how widely they are used. Left out: onion
# services, addresses without a name, paths that are one person's, and relays that answered less than one check in twenty.
${chosen.map(({ url }) => `${url}\n`).join('')}`
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '')
}
