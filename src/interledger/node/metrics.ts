import { Meter, oncePerTurn, type Registry, type Sample } from '../../platform/index.ts'
import type { PeerFacts } from './ilp-node.ts'
import type { OpenedNode } from './opened-node.ts'

/** Peers that have series of their own; those beyond are in the totals alone. */
const MAX_SHOWN_PEERS = 200

/** What a process with the role `ilp` has; while it stands by, there is nothing to read. */
export function registerNodeMetrics(registry: Registry, node: () => OpenedNode | undefined): void {
  const meter = new Meter(registry)
  const figures = oncePerTurn(() => node()?.figures())
  meter.gauge('stoa_ilp_peers', 'Peers of the Interledger node.', () => figures()?.peers)
  meter.gauge(
    'stoa_ilp_connected_peers',
    'Those of them that are connected.',
    () => figures()?.connectedPeers,
  )
  meter.gauge('stoa_ilp_routes', 'Routes in the table.', () => figures()?.routes)
  meter.gauge('stoa_ilp_in_flight_packets', 'Packets under way.', () => figures()?.connector.inFlight)
  meter.gauge(
    'stoa_ilp_unresolved_packets',
    'Packets of a crash or a broken link whose fate is not known yet.',
    () => figures()?.unresolved,
  )
  meter.counters('stoa_ilp_packets_total', 'Prepares, by what became of them.', ['result'], () => {
    const counts = figures()?.connector.counts
    if (counts === undefined) return []
    const { incoming, outgoing, fulfilled, lost, wrong, late } = counts
    return Object.entries({ incoming, outgoing, fulfilled, lost, wrong, late }).map(
      ([result, count]): Sample => [[result], count],
    )
  })
  meter.counters('stoa_ilp_rejected_packets_total', 'Rejects, by code.', ['code'], () =>
    Object.entries(figures()?.connector.counts.rejected ?? {}).map(
      ([code, count]): Sample => [[code], count],
    ),
  )
  meter.histogram(
    'stoa_ilp_answer_duration_seconds',
    "From a peer's Prepare to our answer.",
    () => figures()?.connector.answering,
  )
  meter.histogram(
    'stoa_ilp_commit_duration_seconds',
    'How long a group of packets took to be written down.',
    () => figures()?.books.committing,
  )
  meter.gauge(
    'stoa_ilp_waiting_entries',
    'Packets that wait to be written down.',
    () => figures()?.books.waiting,
  )
  registerPeers(meter, node)
}

/** A balance is a number of its asset's smallest unit here: good to look at, not to count with. */
function registerPeers(meter: Meter, node: () => OpenedNode | undefined): void {
  const peers = oncePerTurn(async () => (await node()?.node.peers.list()) ?? [])
  const each = (read: (peer: PeerFacts) => number) => async () =>
    (await peers()).slice(0, MAX_SHOWN_PEERS).map((peer): Sample => [[peer.id, peer.asset], read(peer)])
  const labels = ['peer', 'asset']
  meter.gauges(
    'stoa_ilp_peer_balance_units',
    'What a peer owes us, in the smallest unit of its asset; negative: what we owe it.',
    labels,
    each(({ balance }) => Number(balance)),
  )
  meter.gauges(
    'stoa_ilp_peer_up',
    '1 while a peer is connected.',
    labels,
    each(({ isConnected }) => Number(isConnected)),
  )
}
