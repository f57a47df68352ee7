import type { RelayFigures, Snapshot } from '../snapshot.ts'

/** By URL; made once for a snapshot, when the first relay of it is looked for. */
const indexes = new WeakMap<Snapshot, ReadonlyMap<string, RelayFigures>>()

/** The relay that somebody means: its URL with or without a slash at its end, or only its host. */
export function findRelay(snapshot: Snapshot, wanted: string): RelayFigures | undefined {
  const index = indexOf(snapshot)
  const text = wanted.trim()
  const spelled = text.includes('://') ? text : `wss://${text}`
  return [text, spelled, spelled.replace(/\/+$/, ''), `${spelled}/`, spelled.toLowerCase()]
    .map((url) => index.get(url))
    .find((relay) => relay !== undefined)
}

function indexOf(snapshot: Snapshot): ReadonlyMap<string, RelayFigures> {
  const known = indexes.get(snapshot)
  if (known !== undefined) return known
  const index = new Map(snapshot.relays.map((relay) => [relay.url, relay]))
  indexes.set(snapshot, index)
  return index
}
