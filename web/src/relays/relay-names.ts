/** How relays and their programs are called in a table. Whatever strangers wrote goes through `foreignText`. */
import { foreignText } from '../figures/foreign-text.ts'

/** A page of a relay has its whole address to be copied. */
const MOST_OF_ADDRESS = 120
const MOST_OF_NAME = 100
const MOST_OF_WORD = 40

/** `relay.example/inbox` of `wss://relay.example/inbox/`; an address without encryption keeps its scheme, which is news. */
export function relayName(url: string): string {
  return foreignText(url.replace(/^wss:\/\//, '').replace(/\/+$/, ''), MOST_OF_ADDRESS)
}

/** What a relay calls itself; nothing where that is its address, which stands beside it anyway. */
export function ownName({ url, name }: { readonly url: string; readonly name: string | null }): string {
  const said = foreignText(name ?? '', MOST_OF_NAME)
  return said.toLowerCase() === relayName(url).toLowerCase() ? '' : said
}

/** `strfry` of `git+https://github.com/hoytech/strfry.git`. */
export function softwareName(software: string): string {
  const said = foreignText(software)
  const path = said.replace(/[?#].*$/, '').replace(/\/+$/, '')
  const last = path.slice(path.lastIndexOf('/') + 1).replace(/\.git$/, '')
  return foreignText(last === '' ? said : last, MOST_OF_WORD).toLowerCase()
}

const regions = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' })

/** `Germany (DE)`; whatever else a relay says is shown as it says it. */
export function countryName(code: string): string {
  const upper = code.toUpperCase()
  const name = /^[A-Z]{2}$/.test(upper) ? regions.of(upper) : undefined
  return name === undefined ? foreignText(code, MOST_OF_WORD) : `${name} (${upper})`
}

const STATES: Readonly<Record<string, { readonly word: string; readonly means: string }>> = {
  live: { word: 'live', means: 'Subscribed, and caught up.' },
  'catching-up': { word: 'catching up', means: 'Connected; older events are still being read.' },
  polling: {
    word: 'polling',
    means: 'It closes subscriptions that stay open, so it is asked again and again.',
  },
  connecting: { word: 'connecting', means: 'A connection is being opened.' },
  waiting: { word: 'down', means: 'It did not answer; the next try is due later.' },
  refused: { word: 'refused', means: 'Its address is not one that is connected to.' },
  candidate: {
    word: 'not tried now',
    means: 'It has not answered as a relay does yet, or there is no connection for it until its turn comes.',
  },
}

export function stateWords(state: string): { readonly word: string; readonly means: string } {
  return STATES[state] ?? { word: state, means: state }
}
