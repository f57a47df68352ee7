/** How well a score tells spam from the rest. */

export interface Judged {
  readonly score: number
  readonly isSpam: boolean
}

export interface Quality {
  readonly threshold: number
  /** Of what was called spam, how much was. 1 when nothing was. */
  readonly precision: number
  /** Of the spam, how much was called so. */
  readonly recall: number
  readonly called: number
}

export function qualityAt(judged: readonly Judged[], threshold: number): Quality {
  const called = judged.filter(({ score }) => score >= threshold)
  const right = called.filter(({ isSpam }) => isSpam).length
  const spam = judged.filter(({ isSpam }) => isSpam).length
  return {
    threshold,
    precision: called.length === 0 ? 1 : right / called.length,
    recall: spam === 0 ? 1 : right / spam,
    called: called.length,
  }
}

/** The chance that some spam scores higher than some honest note (area under the ROC curve); ties count half. */
export function areaUnderCurve(judged: readonly Judged[]): number {
  const sorted = judged.toSorted((a, b) => a.score - b.score)
  let honestBelow = 0
  let wins = 0
  for (let start = 0; start < sorted.length; ) {
    let end = start
    let spam = 0
    while (end < sorted.length && sorted[end]!.score === sorted[start]!.score)
      spam += sorted[end++]!.isSpam ? 1 : 0
    const honest = end - start - spam
    wins += spam * (honestBelow + honest / 2)
    honestBelow += honest
    start = end
  }
  const spamCount = sorted.length - honestBelow
  return wins / (spamCount * honestBelow)
}
