import type { MonitorBody } from '../api/bodies.ts'
import { serverNowMs } from '../api/server-clock.ts'
import { Foreign } from '../figures/foreign.tsx'
import { ago, milliseconds } from '../figures/format.ts'

const rtt = (ms: number | null) => (ms === null ? <span class="absent">–</span> : milliseconds(ms))

export function Monitors({ monitors }: { readonly monitors: readonly MonitorBody[] }) {
  if (monitors.length === 0) return <p class="empty">No other monitor has said anything of this relay.</p>
  return (
    <table class="monitors">
      <caption class="visually-hidden">What other monitors say</caption>
      <thead>
        <tr>
          <th scope="col">Monitor</th>
          <th scope="col" class="number">
            Open
          </th>
          <th scope="col" class="number from-tablet">
            Read
          </th>
          <th scope="col" class="number from-tablet">
            Write
          </th>
          <th scope="col">Differs from here</th>
        </tr>
      </thead>
      <tbody>
        {monitors.map(({ monitor, at, rtt_open, rtt_read, rtt_write, disagreements }) => (
          <tr key={`${monitor} ${at}`}>
            <th scope="row">
              <code title={monitor}>{monitor.slice(0, 8)}…</code>
              <span class="note"> {ago(serverNowMs() - Date.parse(at))}</span>
            </th>
            <td class="number">{rtt(rtt_open)}</td>
            <td class="number from-tablet">{rtt(rtt_read)}</td>
            <td class="number from-tablet">{rtt(rtt_write)}</td>
            <td class="foreign">
              {disagreements.length === 0 ? (
                <span class="absent">in nothing</span>
              ) : (
                <Foreign text={disagreements.join('; ')} />
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
