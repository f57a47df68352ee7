import { closeSync, openSync } from 'node:fs'
import { IndexedWords, isSearchedKind } from '../../search/index.ts'
import { readIndexHeader } from '../index-file.ts'
import { indexPath } from '../manifest.ts'
import type { Segment } from '../segment.ts'
import { EventText } from './event-text.ts'
import { wordsPath, writeWordFile } from './word-file.ts'
import { WordTable } from './word-table.ts'

/**
 * Writes the words of a segment that was just read from its file, and whose index file is written. False, and nothing
 * is written, when not every event of the index could be read.
 */
export function writeWordsOf(folder: string, segment: Segment): boolean {
  const { checksum, columns } = readHeader(indexPath(folder, segment.id))
  const eventCount = columns.createdAt.length
  if (eventCount !== segment.count) return false
  writeWordFile(wordsPath(folder, segment.id), buildWords(segment), { indexChecksum: checksum, eventCount })
  return true
}

function readHeader(path: string) {
  const file = openSync(path, 'r')
  try {
    return readIndexHeader(file)
  } finally {
    closeSync(file)
  }
}

/**
 * The words of all events of a segment that was just read from its file, under the ordinals that they have once it is
 * sealed: places in the order of answers.
 */
function buildWords(segment: Segment): WordTable {
  const table = new WordTable()
  const filer = new WordFiler(segment, table)
  const order = segment.all()
  for (let place = 0; place < order.count; place++) filer.file(order.at(place), place)
  return table
}

/** Files events of a segment in a table. */
export class WordFiler {
  readonly #segment: Segment
  readonly #table: WordTable
  readonly #text = new EventText()
  readonly #words = new IndexedWords()

  constructor(segment: Segment, table: WordTable) {
    this.#segment = segment
    this.#table = table
  }

  /** Files the event at `ordinal` under the number `as`; returns how many words it has. */
  file(ordinal: number, as: number): number {
    if (!isSearchedKind(this.#segment.kindOf(ordinal))) return 0
    const words = this.#words
    words.read(this.#text.of(this.#segment, ordinal))
    for (let index = 0; index < words.count; index++) {
      this.#table.add(words.hashes[index]!, as, words.impactAt(index))
    }
    return words.count
  }
}
