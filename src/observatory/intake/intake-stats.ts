/** What the intake has done since it was made, as plain numbers for metrics; `waitingRows` and `seenEvents` as of now. */
export interface IntakeStats {
  /** Messages taken, whatever became of them. */
  readonly messages: number
  /** Rows written to batches. */
  readonly observations: number
  /** Of those, rows of events that were in the table: neither parsed nor verified. */
  readonly known: number
  /** Signatures checked, those of zap requests not included. */
  readonly verified: number
  /** Signatures that another collector had checked. */
  readonly spared: number
  /** Messages that came to nothing: each is an offence of its relay. */
  readonly refused: number
  readonly waitingRows: number
  /** Events in the table of both generations. */
  readonly seenEvents: number
}
