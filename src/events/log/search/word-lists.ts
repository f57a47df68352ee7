/** Which events of a segment have which words. Both kinds of segment, growing and sealed, answer this. */
export interface WordLists {
  /** How many events are filed under the hash; 0 when none is. */
  countOf(hash: number): number
  /** The events under the hash, lowest ordinal first. The arrays are the caller's. */
  read(hash: number): WordList
}

export interface WordList {
  readonly ordinals: Uint32Array
  /** What the word says about each of these events (`impact.ts`). */
  readonly impacts: Uint8Array
}

export const EMPTY_LIST: WordList = { ordinals: new Uint32Array(0), impacts: new Uint8Array(0) }
