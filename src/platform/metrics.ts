import { setTimeout as delay } from 'node:timers/promises'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { DURATION_BOUNDS_SECONDS, type Durations } from '../kernel/index.ts'

export type { Registry } from 'prom-client'

/** A number that is read when somebody asks for metrics; undefined while there is none. */
export type Reading = number | undefined
/** One number of a metric with labels: the values of the labels, in their order, and the number. */
export type Sample = readonly [labelValues: readonly string[], value: number]

type Read<T> = () => T | Promise<T>

/** Shorter than the patience of who scrapes. */
const READ_TIMEOUT_MS = 3_000

/** What one metric is, for the reference page. */
export interface MetricDescription {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
}

/**
 * Makes the registry that `/metrics` prints, with what Node knows of the process already in it: CPU, memory,
 * event loop delay, open handles, garbage collection.
 */
export function createMetricsRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return registry
}

/**
 * Names metrics whose numbers are kept elsewhere and read when asked for, so that counting costs the parts that count
 * nothing but the counting. A number that cannot be read is left out of the answer, and the others are given.
 */
export class Meter {
  readonly #registry: Registry

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** What goes up and down. */
  gauge(name: string, help: string, read: Read<Reading>): void {
    this.gauges(name, help, [], () => alone(read()))
  }

  /** What only rises; its name ends in `_total`. */
  counter(name: string, help: string, read: Read<Reading>): void {
    this.counters(name, help, [], () => alone(read()))
  }

  gauges(name: string, help: string, labelNames: readonly string[], read: Read<Iterable<Sample>>): void {
    const gauge: Gauge = new Gauge({
      ...this.#described(name, help, labelNames),
      collect: () =>
        this.#refresh(gauge, labelNames, read, (labels, value) => gauge.labels(...labels).set(value)),
    })
  }

  counters(name: string, help: string, labelNames: readonly string[], read: Read<Iterable<Sample>>): void {
    const counter: Counter = new Counter({
      ...this.#described(name, help, labelNames),
      collect: () =>
        this.#refresh(counter, labelNames, read, (labels, value) => counter.labels(...labels).inc(value)),
    })
  }

  /** How long something takes, in seconds; its name ends in `_seconds`. */
  histogram(name: string, help: string, read: () => Durations | undefined): void {
    new ReadHistogram({ name, help, registers: [this.#registry] }, read)
  }

  #described(name: string, help: string, labelNames: readonly string[]) {
    return { name, help, labelNames: [...labelNames], registers: [this.#registry] }
  }

  /** Puts the numbers of now in the place of those before; without any there is no metric, not one that says 0. */
  async #refresh(
    metric: Gauge | Counter,
    labelNames: readonly string[],
    read: Read<Iterable<Sample>>,
    put: (labels: readonly string[], value: number) => void,
  ): Promise<void> {
    const samples = await readable(read)
    metric.reset()
    if (labelNames.length === 0) metric.remove()
    for (const [labels, value] of samples) put(labels, value)
  }
}

/** Every metric of this registry that stands in it now, by name. */
export function describeMetrics(registry: Registry): readonly MetricDescription[] {
  return registry
    .getMetricsAsArray()
    .map((metric) => ({
      name: metric.name,
      help: metric.help,
      type: typeOf(metric),
      labels: 'labelNames' in metric && Array.isArray(metric.labelNames) ? metric.labelNames.map(String) : [],
    }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
}

function typeOf(metric: object): MetricDescription['type'] {
  if (metric instanceof Counter) return 'counter'
  return metric instanceof Histogram ? 'histogram' : 'gauge'
}

function alone(reading: Reading | Promise<Reading>): readonly Sample[] | Promise<readonly Sample[]> {
  if (reading instanceof Promise) return reading.then(alone)
  return reading === undefined ? [] : [[[], reading]]
}

/** One part that fails or hangs must not take the metrics of all others with it; that it fails is told where it does. */
async function readable(read: Read<Iterable<Sample>>): Promise<readonly Sample[]> {
  const giveUp = new AbortController()
  try {
    const samples = read()
    if (!(samples instanceof Promise)) return [...samples]
    const tooLate = delay<readonly Sample[]>(READ_TIMEOUT_MS, [], { signal: giveUp.signal })
    return [...(await Promise.race([samples, tooLate.catch(() => [])]))]
  } catch {
    return []
  } finally {
    giveUp.abort()
  }
}

/**
 * What costs somebody a look (a database, a disk) is looked at again only after this time, however often `/metrics`
 * is asked for: it is open to everybody who reaches the port.
 */
export function keptFor<T>(keepMs: number, look: () => T): () => T {
  let found: { readonly value: T; readonly atMs: number } | undefined
  return () => {
    const nowMs = performance.now()
    if (found === undefined || nowMs - found.atMs >= keepMs) found = { value: look(), atMs: nowMs }
    return found.value
  }
}

/** How long what was looked at is good enough for metrics. */
export const METRIC_LOOK_MS = 5_000

/**
 * The same value for everything that is read in one turn of the event loop, as the metrics of one answer are: what is
 * made of many parts is made once.
 */
export function oncePerTurn<T>(read: () => T): () => T {
  let found: { readonly value: T } | undefined
  return () => {
    if (found === undefined) {
      found = { value: read() }
      setImmediate(() => {
        found = undefined
      })
    }
    return found.value
  }
}

interface Naming {
  readonly name: string
  readonly help: string
  readonly registers: Registry[]
}

/** A histogram whose counts are kept by somebody else. */
class ReadHistogram extends Histogram {
  readonly #naming: Naming
  readonly #read: () => Durations | undefined

  constructor(naming: Naming, read: () => Durations | undefined) {
    super({ ...naming, buckets: [...DURATION_BOUNDS_SECONDS] })
    this.#naming = naming
    this.#read = read
  }

  /** What the registry and the base class ask for the values; it is not among the types of prom-client. */
  async getForPromString() {
    const { name, help } = this.#naming
    return { name, help, type: 'histogram', values: bucketsOf(name, this.#read()), aggregator: 'sum' }
  }
}

function bucketsOf(name: string, durations: Durations | undefined) {
  if (durations === undefined) return []
  const sharedLabels = {}
  let total = 0
  const buckets = durations.counts.map((count, place) => {
    total += count
    const le = DURATION_BOUNDS_SECONDS[place] ?? '+Inf'
    return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: total }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, sharedLabels, value: durations.sumSeconds },
    { metricName: `${name}_count`, labels: {}, sharedLabels, value: total },
  ]
}
