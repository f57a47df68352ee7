import type { RelayLogBody } from '../api/bodies.ts'
import { Foreign } from '../figures/foreign.tsx'
import { count, moment } from '../figures/format.ts'

interface RelayLogProps {
  readonly logs: readonly RelayLogBody[]
  readonly offences: Readonly<Record<string, number>>
}

/** `wrong-signature` reads as words. */
const words = (what: string) => what.replaceAll('-', ' ')

export function RelayLog({ logs, offences }: RelayLogProps) {
  const counted = Object.entries(offences).filter(([, times]) => times > 0)
  return (
    <>
      {counted.length > 0 && (
        <ul class="offences">
          {counted.map(([what, times]) => (
            <li key={what}>
              {words(what)} <b>{count(times)}</b>
            </li>
          ))}
        </ul>
      )}
      {logs.length === 0 ? <p class="empty">Nothing was noticed.</p> : <Entries logs={logs} />}
    </>
  )
}

function Entries({ logs }: { readonly logs: readonly RelayLogBody[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="scroll" tabIndex={0} aria-label="Log">
      <table class="log">
        <caption class="visually-hidden">What was noticed, newest first</caption>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">What</th>
            <th scope="col" class="number">
              Times
            </th>
            <th scope="col">More</th>
          </tr>
        </thead>
        <tbody>
          {logs.map(({ at, level, what, count: times, detail }, index) => (
            <tr key={`${at} ${index}`} class={`is-${level}`}>
              <th scope="row">{moment(Date.parse(at))}</th>
              <td>{words(what)}</td>
              <td class="number">{count(times)}</td>
              <td class="foreign">{detail !== null && <Foreign text={detail} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
