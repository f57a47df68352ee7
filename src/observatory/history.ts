/** What is read from the tables for the page of one relay. */

/** An hour of `24h`, a day otherwise. */
export interface RelayHistoryEntry {
  readonly startSeconds: number
  readonly events: number
  /** By region; a region that measured nothing then is missing. */
  readonly regions: ReadonlyMap<string, RelayMeasurement>
}

export interface RelayMeasurement {
  readonly watchedSeconds: number
  readonly connectedSeconds: number
  readonly latencyP50Ms: number | undefined
  readonly latencyP95Ms: number | undefined
}

export interface RelayLogEntry {
  readonly atSeconds: number
  readonly level: 'info' | 'warn'
  readonly what: string
  readonly count: number
  readonly detail: string | undefined
}
