import { MAX_FILTERS_LENGTH, type RegisteredSubscription } from './registry.ts'

/** The subscriptions of a connection as the registry keeps them: filters that are too long become `null`. */
export function keepFilters(
  subscriptions: readonly RegisteredSubscription[],
): readonly RegisteredSubscription[] {
  let room = MAX_FILTERS_LENGTH
  return subscriptions.map((subscription) => {
    const { id, filtersJson } = subscription
    if (filtersJson.length > room) return { id, filtersJson: 'null' }
    room -= filtersJson.length
    return subscription
  })
}
