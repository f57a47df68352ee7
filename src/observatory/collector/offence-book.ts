import { OFFENCES, type Offence } from '../relay-report.ts'

/** What one offence weighs when it is decided whether to leave a relay: nobody dates a note for its relay. */
export const OFFENCE_POINTS: Readonly<Record<Offence, number>> = {
  'not-json': 10,
  'forged-id': 10,
  'wrong-signature': 10,
  'malformed-event': 5,
  'not-asked-for': 2,
  'message-too-long': 50,
  'endless-stream': 200,
  'future-date': 1,
  'absurd-date': 1,
  'too-many-keys': 1,
  'no-eose': 10,
  'closed-at-once': 10,
  redirected: 10,
  'bad-certificate': 10,
  silent: 10,
  flood: 200,
}

const HOUR_MS = 3_600_000

/** Counts what one relay does wrong. */
export class OffenceBook {
  readonly #maxPointsPerHour: number
  readonly #totals = new Map<Offence, number>()
  #unreported: Map<Offence, number> | undefined
  #hourStartMs = 0
  #points = 0

  constructor(maxPointsPerHour: number) {
    this.#maxPointsPerHour = maxPointsPerHour
  }

  get hasUnreported(): boolean {
    return this.#unreported !== undefined
  }

  get totals(): ReadonlyMap<Offence, number> {
    return this.#totals
  }

  /** @returns whether it has become too much for this hour. */
  note(offence: Offence, nowMs: number): boolean {
    this.#totals.set(offence, (this.#totals.get(offence) ?? 0) + 1)
    this.#unreported ??= new Map()
    this.#unreported.set(offence, (this.#unreported.get(offence) ?? 0) + 1)
    if (nowMs - this.#hourStartMs >= HOUR_MS) {
      this.#hourStartMs = nowMs
      this.#points = 0
    }
    this.#points += OFFENCE_POINTS[offence]
    return this.#points > this.#maxPointsPerHour
  }

  /** Forgives: after a relay was left for its offences it begins anew. */
  forgive(): void {
    this.#points = 0
  }

  /** How often since the last call. */
  take(): Readonly<Partial<Record<Offence, number>>> {
    const taken = this.#unreported
    if (taken === undefined) return {}
    this.#unreported = undefined
    return Object.fromEntries(OFFENCES.flatMap((offence) => entryOf(taken, offence)))
  }
}

function entryOf(counts: ReadonlyMap<Offence, number>, offence: Offence): readonly [Offence, number][] {
  const count = counts.get(offence)
  return count === undefined ? [] : [[offence, count]]
}
