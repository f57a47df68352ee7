/** What an operator can turn; the meaning of each is in the configuration (`moderation`). */
export interface ModerationSettings {
  readonly maxEntries: number
  readonly pollSeconds: number
  readonly maxHeldEvents: number
  readonly maxHeldPerAuthor: number
  readonly keepHeldDays: number
  readonly maxOpenReports: number
  readonly keepReportsDays: number
  readonly memberWeight: number
  readonly trustedWeight: number
}

export const DAY_SECONDS = 86_400
