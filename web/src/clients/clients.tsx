import type { ClientBody } from '../api/bodies.ts'
import { serverNowMs } from '../api/server-clock.ts'
import { Bars } from '../figures/bars.tsx'
import { Foreign } from '../figures/foreign.tsx'
import { ago, percent } from '../figures/format.ts'

/** Clients by what they say of themselves; most events say nothing, so that stands before everything else. */
export function Clients({ clients }: { readonly clients: readonly ClientBody[] }) {
  const [first] = clients
  if (first === undefined)
    return <p class="empty">No event of this time names the client that it was written with.</p>
  const bars = clients.map(({ name, count, percentage, lastSeen }) => ({
    key: name,
    name: <Foreign text={name} most={64} />,
    value: count,
    share: percentage,
    aside: ago(serverNowMs() - Date.parse(lastSeen)),
  }))
  return (
    <>
      <p class="caveat">
        <b>{percent(first.tagged_percentage)}</b> of events carry a <code>client</code> tag. The shares below
        are shares of these events, not of all.
      </p>
      <Bars
        caption="Events by client"
        heads={['Client', 'Events', 'Of tagged']}
        bars={bars}
        tone="zaps"
        first={10}
        asideHead="Last seen"
      />
    </>
  )
}
