/** The door: which relays to read, for a key. */
export {
  openRecommendations,
  type Recommendations,
  type RecommendationsDeps,
} from './open-recommendations.ts'
export {
  type FollowedList,
  MAX_RECOMMENDED,
  type RecommendationQuestion,
  recommendRelays,
} from './recommend-relays.ts'
