/** What a running program shows of the network, as everybody may ask it. */
import { expect, vi } from 'vitest'
import type { FullBody, RelayPageBody } from '../../../src/observatory/api/index.ts'
import type { StoaProcess } from '../stoa-process.ts'
import { shownFigures } from './plain-count.ts'
import type { WatchedNetwork } from './watched-network.ts'

const LOOK_MS = 500

/** @throws Error when it answers with anything but figures. */
export async function fullFigures(stoa: StoaProcess): Promise<FullBody> {
  // The shape is that of the API.
  return (await answerOf(stoa, '/api/v1/stats/full/all')) as FullBody
}

export async function relayPage(stoa: StoaProcess, url: string): Promise<RelayPageBody> {
  return (await answerOf(stoa, `/api/v1/stats/relays/${encodeURIComponent(url)}?range=all`)) as RelayPageBody
}

/** Waits until the program shows what a plain count of the network comes to. */
export async function untilCounted(
  stoa: StoaProcess,
  network: WatchedNetwork,
  timeout = 90_000,
): Promise<FullBody> {
  return vi.waitFor(
    async () => {
      const full = await fullFigures(stoa)
      expect(shownFigures(full, network.urls)).toEqual(network.expected())
      return full
    },
    { timeout, interval: LOOK_MS },
  )
}

/** The component `observatory` of `/health`. */
export async function observatoryHealth(stoa: StoaProcess): Promise<Readonly<Record<string, unknown>>> {
  const { components } = (await answerOf(stoa, '/health', [200, 503])) as {
    components: { observatory?: Readonly<Record<string, unknown>> }
  }
  return components.observatory ?? {}
}

async function answerOf(
  stoa: StoaProcess,
  path: string,
  expected: readonly number[] = [200],
): Promise<unknown> {
  const response = await fetch(stoa.httpUrl(path))
  const text = await response.text()
  if (!expected.includes(response.status))
    throw new Error(`${path} answers ${response.status}: ${text.slice(0, 200)}`)
  return JSON.parse(text)
}
