import { collectDefaultMetrics, Registry } from 'prom-client'

export type { Registry } from 'prom-client'

/**
 * Makes the registry that `/metrics` prints, with what Node knows of the process already in it: CPU, memory,
 * event loop delay, open handles, garbage collection.
 */
export function createMetricsRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return registry
}
