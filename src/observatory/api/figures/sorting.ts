export interface Sorting<K extends string = string> {
  readonly by: K
  readonly isDescending: boolean
}

interface Order<T> {
  readonly isDescending: boolean
  readonly figureOf: (item: T) => number | undefined
  /** Unique: decides between equals, always ascending. */
  readonly nameOf: (item: T) => string
}

/** A new list in this order. Items without a value come last, whichever way the others go. */
export function sorted<T>(items: readonly T[], { isDescending, figureOf, nameOf }: Order<T>): readonly T[] {
  const sign = isDescending ? -1 : 1
  return items.toSorted((a, b) => {
    const [one, other] = [figureOf(a), figureOf(b)]
    if (one !== other) {
      if (one === undefined) return 1
      if (other === undefined) return -1
      return sign * (one - other)
    }
    return nameOf(a) < nameOf(b) ? -1 : 1
  })
}
