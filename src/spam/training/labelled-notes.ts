/** Notes that people have called spam or not, and how they are split so that near-duplicates never stand on both sides. */
import { createHash } from 'node:crypto'
import { clustersOf } from './clusters.ts'

export interface LabelledNote {
  readonly text: string
  readonly isSpam: boolean
}

/** `train` learns, `tune` chooses among settings, `holdOut` is looked at for the report alone. */
export type Side = 'train' | 'tune' | 'holdOut'

export interface SplitNote extends LabelledNote {
  readonly side: Side
  /** What stays the same when a machine varies a text. */
  readonly skeleton: string
  /** Notes that are alike have the same. */
  readonly cluster: string
}

/** Reads `text,label` with quoted line ends (RFC 4180); the first line is the head. */
export function parseLabelledNotes(csv: string): readonly LabelledNote[] {
  const [, ...rows] = parseCsv(csv)
  return rows.flatMap(([text, label]) =>
    text === undefined || (label !== 'spam' && label !== 'ham') ? [] : [{ text, isSpam: label === 'spam' }],
  )
}

/** Three fifths of the clusters to learn from, one to tune, one held out, by a hash of the cluster. */
export function splitNotes(notes: readonly LabelledNote[]): readonly SplitNote[] {
  const skeletons = notes.map(({ text }) => skeletonOf(text))
  const clusters = clustersOf(notes, skeletons)
  return notes.map((note, index) => {
    const cluster = clusters[index]!
    return { ...note, skeleton: skeletons[index]!, cluster, side: sideOf(cluster) }
  })
}

function sideOf(cluster: string): Side {
  const fifth = createHash('sha256').update(cluster).digest().readUInt32BE(0) % 5
  return fifth === 0 ? 'holdOut' : fifth === 1 ? 'tune' : 'train'
}

const LINK = /https?:\/\/(?:www\.)?([^\s/?#]+)[^\s]*/giu
const MENTION = /(?:nostr:)?n(?:pub|profile)1[02-9ac-hj-np-z]{20,}|#\[\d+\]/giu

/** Letters only, and of links the host. A text that has no letters is its own skeleton. */
function skeletonOf(text: string): string {
  const letters = text
    .replaceAll(LINK, '$1')
    .replaceAll(MENTION, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}]/gu, '')
  return letters === '' ? text.trim() : letters
}

function parseCsv(csv: string): readonly (readonly string[])[] {
  const rows: string[][] = []
  let row: string[] = []
  // A field: quoted, with doubled quotes inside, or plain; then a comma or the end of the line.
  for (const match of csv.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    const [whole, quoted, plain = '', end] = match
    if (whole === '' && row.length === 0) break
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === ',') continue
    rows.push(row)
    row = []
  }
  return rows
}
