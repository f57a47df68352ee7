import { isLeftOutAsSpam, isSearchedKind, relevanceOf, type SearchQuestion } from '../../search/index.ts'
import { ActiveSegment } from '../active-segment.ts'
import { type CompiledFilter, hexBytes } from '../compiled-filter.ts'
import { HEX_ID_LENGTH } from '../event-bytes.ts'
import type { IndexKey } from '../index-key.ts'
import { isMatch, type MatchConditions, type ScanLimits } from '../match-stream.ts'
import { isSealed } from '../sealed-segment.ts'
import type { Segment } from '../segment.ts'
import { EventText } from './event-text.ts'
import { WordCandidates } from './word-candidates.ts'
import type { WordIndexes } from './word-indexes.ts'
import type { WordLists } from './word-lists.ts'

/** What a search looks for, and within which events. */
export interface SearchPlan {
  readonly question: SearchQuestion
  readonly filter: CompiledFilter
  /** The keys of the shortest lists that hold every match of the filter, its words aside; undefined when there are none. */
  readonly keys: readonly IndexKey[] | undefined
  /** What is to be checked of an event, its words aside, wherever it was found. */
  readonly conditions: MatchConditions
  readonly limits: ScanLimits
}

/** Takes what a search finds, in no order; the same event may be offered twice. */
export interface SearchVisitor {
  /** Is an event of at most this score, and of this time, wanted at all? */
  mayTake(scoreAtMost: number, createdAt: number): boolean
  take(segment: Segment, ordinal: number, score: number): void
}

/** What things cost, in units of about a tenth of a microsecond. */
const COST = { word: 5, candidate: 1, listEntry: 1 / 16, match: 3, score: 100, spam: 80 } as const

/** So few events are read without asking which words they have. */
const FEW_EVENTS = 200
/** Reading an event costs so many times more than stepping over it in a list of words. */
const READ_RATIO = 16

/** The part of a search that lies in one segment, in slices. */
export class SegmentSearch {
  readonly segment: Segment
  readonly #plan: SearchPlan
  readonly #indexes: WordIndexes | undefined
  readonly #words: WordLists | undefined
  readonly #text = new EventText()
  /** Events to look at, lowest first; undefined for all. */
  #ordinals: Uint32Array | undefined
  /** The most that each of them can score, if that is known. */
  #bounds: Uint16Array | undefined
  #candidates: WordCandidates | undefined
  #state: 'choosing' | 'narrowing' | 'looking' | 'done' = 'choosing'
  /** Events looked at so far. */
  #looked = 0

  constructor(segment: Segment, plan: SearchPlan, indexes: WordIndexes | undefined) {
    this.segment = segment
    this.#plan = plan
    this.#indexes = indexes
    this.#words = indexes === undefined ? undefined : wordsOf(segment, indexes)
  }

  get isDone(): boolean {
    return this.#state === 'done'
  }

  /** Would a new search of this segment see the same words? If not, this one cannot go on. */
  get isCurrent(): boolean {
    return this.#indexes === undefined || wordsOf(this.segment, this.#indexes) === this.#words
  }

  /** Does some more; returns what it cost. */
  step(visitor: SearchVisitor, budget: number): number {
    switch (this.#state) {
      case 'choosing':
        return this.#choose(budget)
      case 'narrowing':
        return this.#narrow()
      case 'looking':
        return this.#look(visitor, budget)
      case 'done':
        return 0
    }
  }

  /** Chooses between the lists of words and the lists of the filter's own keys. */
  #choose(budget: number): number {
    const listed = this.#listedCount()
    const words = this.#words
    if (words === undefined || listed <= FEW_EVENTS) return this.#lookAtListed()
    if (this.segment instanceof ActiveSegment && this.#indexes !== undefined) {
      const active = this.#indexes.activeOf(this.segment)
      if (!active.isComplete) return active.catchUp(budget / COST.word) * COST.word
    }
    const candidates = this.#reading(words, () => new WordCandidates(this.#plan.question.query, words))
    if (candidates === undefined || listed * READ_RATIO <= candidates.count) return this.#lookAtListed()
    this.#candidates = candidates
    this.#state = 'narrowing'
    return 0
  }

  #narrow(): number {
    const candidates = this.#candidates!
    const work = this.#reading(this.#words!, () => candidates.step())
    if (work === undefined) return this.#lookAtListed()
    if (candidates.isReady) {
      this.#ordinals = candidates.ordinals
      this.#bounds = candidates.bounds
      this.#candidates = undefined
      this.#state = 'looking'
    }
    return work * COST.listEntry
  }

  #lookAtListed(): number {
    this.#ordinals = this.#listed()
    this.#state = 'looking'
    return (this.#ordinals?.length ?? 0) * COST.candidate
  }

  #look(visitor: SearchVisitor, budget: number): number {
    const total = this.#ordinals?.length ?? this.segment.count
    let cost = 0
    while (cost < budget && this.#looked < total) {
      const index = this.#nth(this.#looked++, total)
      const ordinal = this.#ordinals === undefined ? index : this.#ordinals[index]!
      cost += this.#lookAt(ordinal, this.#bounds?.[index] ?? Number.POSITIVE_INFINITY, visitor)
    }
    if (this.#looked >= total) this.#state = 'done'
    return cost
  }

  #lookAt(ordinal: number, bound: number, visitor: SearchVisitor): number {
    const { segment } = this
    const { question, filter, conditions, limits } = this.#plan
    const createdAt = segment.createdAtOf(ordinal)
    const isWanted =
      createdAt >= filter.since &&
      createdAt <= filter.until &&
      isSearchedKind(segment.kindOf(ordinal)) &&
      visitor.mayTake(bound, createdAt)
    if (!isWanted) return COST.candidate
    if (!isMatch(segment, ordinal, conditions, limits)) return COST.match
    const text = this.#text.of(segment, ordinal)
    const score = relevanceOf(question.query, text)
    // Reading it may have shown that the disk has damaged it.
    if (score === undefined || segment.isRemoved(ordinal)) return COST.score
    // The bound may have promised more; what is not wanted need not be looked at for spam.
    if (!visitor.mayTake(score, createdAt)) return COST.score
    if (!isLeftOutAsSpam(question, text)) visitor.take(segment, ordinal, score)
    return COST.score + (question.spamFrom < Number.POSITIVE_INFINITY ? COST.spam : 0)
  }

  /** The newest first: of equals the newest win, and what comes later need then not be read. */
  #nth(looked: number, total: number): number {
    return isSealed(this.segment) ? looked : total - 1 - looked
  }

  /** How many events the lists of the filter's keys hold; all, when it has none. */
  #listedCount(): number {
    const { ids } = this.#plan.filter.filter
    if (ids !== undefined) return ids.length
    const { keys } = this.#plan
    if (keys === undefined) return this.segment.count
    return keys.reduce((sum, key) => sum + (this.segment.find(key)?.count ?? 0), 0)
  }

  /** The events of those lists, lowest first, each once. */
  #listed(): Uint32Array | undefined {
    const { ids } = this.#plan.filter.filter
    if (ids !== undefined) return sortedOnce(ordinalsOf(this.segment, ids))
    const { keys } = this.#plan
    if (keys === undefined) return undefined
    const listed = new Uint32Array(this.#listedCount())
    let count = 0
    for (const key of keys) {
      const postings = this.segment.find(key)
      for (let index = 0; postings !== undefined && index < postings.count; index++)
        listed[count++] = postings.at(index)
    }
    return sortedOnce(listed)
  }

  #reading<T>(words: WordLists, read: () => T): T | undefined {
    return this.#indexes?.reading(this.segment, words, read)
  }
}

function wordsOf(segment: Segment, indexes: WordIndexes): WordLists | undefined {
  if (segment instanceof ActiveSegment) return indexes.activeOf(segment)
  return isSealed(segment) ? indexes.sealedOf(segment) : undefined
}

function ordinalsOf(segment: Segment, ids: readonly string[]): Uint32Array {
  const bytes = hexBytes(ids)
  return Uint32Array.from(ids.flatMap((_, index) => segment.ordinalsOf(bytes, index * HEX_ID_LENGTH)))
}

function sortedOnce(ordinals: Uint32Array): Uint32Array {
  ordinals.sort()
  return ordinals.filter((ordinal, index) => index === 0 || ordinals[index - 1] !== ordinal)
}
