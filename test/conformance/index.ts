/** The door of the conformance suite: it judges any Nostr relay by its answers alone. */

import type { RelayControl } from './kit/control.ts'
import { keyFromSecret } from './kit/keys.ts'
import { readRelayInfo } from './kit/nip11.ts'
import { makeReport, type Report, type Result } from './kit/report.ts'
import type { Section } from './kit/row.ts'
import { runRows } from './runner.ts'
import { allSections } from './sections/index.ts'

export type { ControlledRelay, RelayControl, RelaySettings } from './kit/control.ts'
export { type PrintOptions, printReport, type Report, type Result } from './kit/report.ts'
export { allSections }

export interface ConformanceOptions {
  /** `ws://` or `wss://` address of the relay. */
  readonly url: string
  /** The address that AUTH events must name, when the relay is reached by another one; `url` when absent. */
  readonly relayUrl?: string
  /** Numbers of the checklist's sections; all when absent. */
  readonly sections?: readonly number[]
  /** Row ids such as `E-01`; all of the chosen sections when absent. */
  readonly rows?: readonly string[]
  /** Lets rows that need a special configuration start a relay of their own. */
  readonly control?: RelayControl
  /** Also the rows that take minutes. */
  readonly slow?: boolean
  /** Rows at a time; 6 when absent. */
  readonly concurrency?: number
  /** How long an expected answer may take; 5 s when absent. */
  readonly answerMs?: number
  /** How long nothing must come before "nothing came" is believed; 1 s when absent. */
  readonly quietMs?: number
  /** After how long without a pong the relay drops a connection: lets T-08 run without `--slow`. */
  readonly pingTimeoutMs?: number
  /** The secret key, 32 bytes, of somebody who may manage the relay (NIP-86): lets those rows run on it. */
  readonly adminSecret?: Uint8Array
  /** Called as each row ends. */
  readonly onResult?: (result: Result) => void
}

/** Runs the suite. Throws when the relay cannot be reached; everything else is in the report. */
export async function runConformance(options: ConformanceOptions): Promise<Report> {
  const startedAtMs = Date.now()
  const info = await readRelayInfo(options.url)
  const results = await runRows(chooseRows(options), {
    url: options.url,
    relayUrl: options.relayUrl ?? options.url,
    info,
    control: options.control,
    concurrency: options.concurrency ?? 6,
    options: {
      answerMs: options.answerMs ?? 5000,
      quietMs: options.quietMs ?? 1000,
      pingTimeoutMs: options.pingTimeoutMs,
      adminKey: options.adminSecret === undefined ? undefined : keyFromSecret(options.adminSecret),
      isSlow: options.slow ?? false,
    },
    onResult: options.onResult ?? (() => {}),
  })
  const { name, software, version } = info
  const head = { url: options.url, relay: { name, software, version }, tookMs: Date.now() - startedAtMs }
  return makeReport(head, results)
}

function chooseRows({ sections, rows }: ConformanceOptions): Section[] {
  return allSections
    .filter((section) => sections === undefined || sections.includes(section.number))
    .map((section) => ({
      ...section,
      rows: section.rows.filter((row) => rows === undefined || rows.includes(row.id)),
    }))
}
