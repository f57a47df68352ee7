/** Edit distance of Levenshtein with swaps of neighbours: how many slips of the finger lie between two words. */
export function editDistance(left: string, right: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const isSame = left[row - 1] === right[column - 1]
      const isSwap = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      const replaced = at(last, column - 1) + (isSame ? 0 : 1)
      const shifted = Math.min(at(last, column), at(current, column - 1)) + 1
      const swapped = isSwap ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY
      current.push(Math.min(replaced, shifted, swapped))
    }
    beforeLast = last
    last = current
  }
  return at(last, right.length)
}

/**
 * The known word nearest to what was written, or undefined when nothing is near enough to be meant. Case does not
 * count, and neither does a missing section (`port` is near `relay.port`).
 */
export function nearestName(written: string, known: readonly string[]): string | undefined {
  let best: { name: string; distance: number } | undefined
  for (const name of known) {
    const distance = distanceTo(written, name)
    if (best === undefined || distance < best.distance) best = { name, distance }
  }
  const tolerance = Math.max(2, Math.ceil(written.length / 3))
  return best !== undefined && best.distance <= tolerance ? best.name : undefined
}

function distanceTo(written: string, known: string): number {
  const word = written.toLowerCase()
  const name = known.toLowerCase()
  const whole = editDistance(word, name)
  // Half a slip more than a whole match, so that a full path wins over a bare last word.
  const lastWord = editDistance(lastPart(word), lastPart(name)) + 0.5
  return Math.min(whole, lastWord)
}

/** `port` of `relay.port`, of `STOA_RELAY__PORT` (in lower case) and of `stoa_port`. */
function lastPart(key: string): string {
  return key.replace(/^.*(\.|__)|^stoa_/, '')
}

/** Rows are filled from the left, so every index that the recurrence asks for is there. */
function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY
}
