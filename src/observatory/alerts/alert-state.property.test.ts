import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AlertDecision, type AlertStatus, decideAlert } from './alert-state.ts'

const START: AlertStatus = { state: 'quiet', sinceSeconds: 0, isNotified: false }

/** A second or more passes, then the condition holds, does not, or nobody knows; and maybe the program was restarted before. */
const anyStep = fc.record({
  passedSeconds: fc.integer({ min: 1, max: 90 }),
  isMet: fc.constantFrom(true, true, false, false, undefined),
  isRestarted: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
})
const anyPace = fc.record({
  clearAfterSeconds: fc.integer({ min: 30, max: 200 }),
  quietSeconds: fc.integer({ min: 60, max: 400 }),
})

interface Seen extends AlertDecision {
  readonly at: number
  readonly isMet: boolean | undefined
}

/** What is left of a status by the database. */
function restarted({ state, unmetSinceSeconds: _, ...rest }: AlertStatus): AlertStatus {
  return { ...rest, state: state === 'quiet' ? 'quiet' : 'firing' }
}

function check(
  law: (seen: readonly Seen[], pace: { clearAfterSeconds: number; quietSeconds: number }) => void,
) {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 80 }), anyPace, (steps, pace) => {
      let status = START
      let at = 1_000
      const seen = steps.map(({ passedSeconds, isMet, isRestarted }) => {
        at += passedSeconds
        const decision = decideAlert(isRestarted ? restarted(status) : status, isMet, pace, at)
        status = decision.status
        return { ...decision, at, isMet }
      })
      law(seen, pace)
    }),
    { numRuns: 1_000 },
  )
}

test('notices alternate, and the first says that it fires', () => {
  check((seen) => {
    const notices = seen.flatMap(({ notice }) => notice ?? [])
    notices.forEach((notice, n) => {
      expect(notice).toBe(n % 2 === 0 ? 'firing' : 'cleared')
    })
  })
})

test('between two notices that it fires lies at least the quiet time', () => {
  check((seen, { quietSeconds }) => {
    const firing = seen.filter(({ notice }) => notice === 'firing').map(({ at }) => at)
    firing.slice(1).forEach((at, n) => {
      expect(at - firing[n]!).toBeGreaterThanOrEqual(quietSeconds)
    })
  })
})

test('it fires and is told only when its condition holds, and clears only after it was known to be false all the time', () => {
  check((seen, { clearAfterSeconds }) => {
    seen.forEach(({ what, at, isMet }, n) => {
      if (what === 'firing' || what === 'notified') expect(isMet).toBe(true)
      if (what !== 'cleared') return
      const since = seen.findLastIndex((one, m) => m < n && one.isMet !== false)
      expect(seen[since + 1]!.isMet).toBe(false)
      expect(at - seen[since + 1]!.at).toBeGreaterThanOrEqual(clearAfterSeconds)
    })
  })
})

test('whatever is told is written, and nothing else is written than what begins, is told late, or ends', () => {
  check((seen) => {
    let isFiring = false
    for (const { what, notice, status } of seen) {
      if (notice !== undefined) expect(what).toBeDefined()
      if (what === 'firing') expect(isFiring).toBe(false)
      if (what === 'cleared' || what === 'notified') expect(isFiring).toBe(true)
      isFiring = status.state !== 'quiet'
    }
  })
})

test('what holds without a break for longer than the quiet time is told', () => {
  check((seen, { quietSeconds }) => {
    let since: number | undefined
    for (const { at, isMet, status } of seen) {
      if (isMet !== true) since = undefined
      else if (since === undefined) since = at
      else if (at - since >= quietSeconds) expect(status.isNotified).toBe(true)
    }
  })
})
