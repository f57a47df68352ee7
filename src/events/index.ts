export { type Audience, mayRead } from './audience.ts'
export {
  hasSearchText,
  isLeftOutAsSpam,
  isSpamScoredKind,
  matchesSearch,
  type SearchQuestion,
  SPAM_SIGN_WEIGHTS,
  type SpamTextSign,
  searchOf,
  spamScoreOf,
  spamSignsOf,
} from './search/index.ts'
export type {
  CountSketch,
  EventCursor,
  EventPage,
  EventStore,
  IdSet,
  PutOutcome,
  StoreStats,
  StoreWorkings,
} from './store.ts'
export { type TimeRange, type TimeWindow, type TimeWindowOptions, timeWindows } from './time-windows.ts'
