/** The bounds of alerts and webhooks. Each may be turned by whoever opens them. */
export interface AlertLimits {
  /** Of one owner. */
  readonly rulesOfOne: number
  readonly webhooksOfOne: number
  /** Of all owners together; each rule is looked at every second. */
  readonly rules: number
  readonly webhooks: number
  /** Different figures, by range, that are remembered for rules about changes. */
  readonly sampledFigures: number
  /** Deliveries of one webhook that wait; what comes beyond that is left out. */
  readonly waitingOfOne: number
  /** Rules that change their state, and deliveries to webhooks about relays, at one look; the rest follow a second later. */
  readonly transitionsOfOneLook: number
  readonly deliveriesOfOneLook: number
  /** For webhooks, a relay is down or up when it was so for so long. */
  readonly relayDownSeconds: number
  readonly relayUpSeconds: number
  /** A webhook that took nothing for so long is disabled. */
  readonly disableAfterSeconds: number
  readonly keepDeliveriesSeconds: number
  readonly keepHistorySeconds: number
  /** How often changes that people make, maybe in another process, are looked for. */
  readonly refreshMs: number
  /** How often deliveries that are to be tried again are looked for. */
  readonly pollSeconds: number
}

const DAY = 86_400

export const DEFAULT_ALERT_LIMITS: AlertLimits = {
  rulesOfOne: 50,
  webhooksOfOne: 20,
  rules: 10_000,
  webhooks: 2_000,
  sampledFigures: 200,
  waitingOfOne: 1_000,
  transitionsOfOneLook: 100,
  deliveriesOfOneLook: 500,
  relayDownSeconds: 300,
  relayUpSeconds: 60,
  disableAfterSeconds: 3 * DAY,
  keepDeliveriesSeconds: 7 * DAY,
  keepHistorySeconds: 90 * DAY,
  refreshMs: 2_000,
  pollSeconds: 5,
}
