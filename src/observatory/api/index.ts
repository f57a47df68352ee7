/** The door of the observatory's public API. `bodies.ts`, beside it, is what `web/` reads. */
export { type ApiPaths, observatoryPaths } from './api-paths.ts'
export type {
  BrandBody,
  FullBody,
  OverviewBody,
  RangeName,
  RecommendationsBody,
  RelayPageBody,
  ServiceState,
} from './bodies.ts'
export type {
  ActiveDay,
  ApiKeyChecker,
  ExportQuery,
  ObservatoryApiDeps,
  RecordsReader,
  SharedCounter,
  SpamScore,
} from './deps.ts'
export { createLiveHub, type LiveHub } from './live/live-hub.ts'
export { createLiveSocket, LIVE_PATH, type LiveSocket } from './live/live-socket.ts'
export { registerObservatory } from './register-observatory.ts'
export {
  type ApiTiers,
  type ApiTiersDeps,
  type ChargeReport,
  openApiTiers,
  type Subscribed,
  type Subscription,
} from './tiers/api-tiers.ts'
export { type Month, monthOf } from './tiers/months.ts'
export {
  addSubscriptionRoutes,
  type OwnedKey,
  type SubscriptionCaller,
  subscriptionPaths,
} from './tiers/subscription-routes.ts'
export { type TierFigures, tierFigures } from './tiers/tier-figures.ts'
export { type ApiTierSettings, FREE_TIER, type Tier } from './tiers/tiers.ts'
