import { Gauge } from 'prom-client'
import type { StoreStats } from './events/index.ts'
import type { Registry } from './platform/index.ts'
import type { RelayStats } from './relay/index.ts'

export interface MetricSources {
  readonly relay: () => RelayStats
  readonly store: () => StoreStats
}

/** Names what `/metrics` says of the relay and the store. Read when asked for, so that counting costs nothing. */
export function registerMetrics(registry: Registry, { relay, store }: MetricSources): void {
  const add = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  }
  const addByLabel = (
    name: string,
    help: string,
    label: string,
    read: () => Record<string, number>,
  ): void => {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      collect() {
        for (const [value, count] of Object.entries(read())) this.set({ [label]: value }, count)
      },
    })
  }
  add('stoa_relay_connections', 'Open WebSocket connections.', () => relay().connections)
  add('stoa_relay_connections_opened_total', 'Connections accepted.', () => relay().connectionsOpened)
  add(
    'stoa_relay_connections_refused_total',
    'Connections refused by a limit.',
    () => relay().connectionsRefused,
  )
  add('stoa_relay_subscriptions', 'Open subscriptions.', () => relay().subscriptions)
  add('stoa_relay_received_bytes_total', 'Bytes received over WebSocket.', () => relay().bytesIn)
  add('stoa_relay_sent_bytes_total', 'Bytes sent over WebSocket.', () => relay().bytesOut)
  addByLabel('stoa_relay_messages_total', 'Client messages.', 'verb', () => relay().messages)
  addByLabel('stoa_relay_events_total', 'EVENTs by how they were answered.', 'result', () => relay().events)
  add('stoa_relay_events_waiting', 'EVENTs waiting for the store.', () => relay().unansweredEvents)
  add('stoa_relay_queries_running', 'Queries in progress.', () => relay().runningQueries)
  add('stoa_relay_served_total', 'Stored events sent in answer to REQ.', () => relay().served)
  add('stoa_relay_delivered_total', 'Live events sent to subscriptions.', () => relay().delivered)
  add(
    'stoa_relay_closed_total',
    'Subscriptions and counts refused or ended by the relay.',
    () => relay().closedByUs,
  )
  add('stoa_store_events', 'Stored events.', () => store().events)
  add('stoa_store_disk_bytes', 'Bytes on disk.', () => store().diskBytes)
  add('stoa_store_memory_bytes', 'Memory of indexes and cached events.', () => store().memoryBytes)
}
