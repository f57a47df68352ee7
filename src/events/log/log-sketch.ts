import { type Filter, HYPERLOGLOG_REGISTERS } from '../../nostr/index.ts'
import type { CountSketch } from '../store.ts'
import { addAuthor } from './author-registers.ts'
import { pubkeyPosition } from './event-bytes.ts'
import { withoutLimit } from './log-count.ts'
import type { ScanLimits } from './match-stream.ts'
import { MatchWalk } from './match-walk.ts'
import type { SegmentSet } from './segment-set.ts'
import type { SlicedTask } from './sliced-task.ts'

/** Counts a filter's matches and their authors' registers (NIP-45), reading no more of each event than its author. */
export function openSketch(
  set: SegmentSet,
  filter: Filter,
  offset: number,
  limits: ScanLimits,
): SlicedTask<CountSketch> {
  const walk = new MatchWalk(set, withoutLimit(filter), limits)
  const registers = new Uint8Array(HYPERLOGLOG_REGISTERS)
  let count = 0
  const add = (bytes: Buffer, jsonStart: number): void => {
    count++
    addAuthor(registers, bytes, pubkeyPosition(jsonStart), offset)
  }
  return {
    get value() {
      return { count, registers }
    },
    step: () => walk.step(add),
  }
}
