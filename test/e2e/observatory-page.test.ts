/**
 * The public page of the real program in real Chromium, over relays on this machine that are fed while it is looked at.
 * Nothing stands in for anything: what the page shows was collected, verified, counted and measured.
 */
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { FullBody, RangeName } from '../../src/observatory/api/index.ts'
import { relayName } from '../../web/src/relays/relay-names.ts'
import { tellStory } from '../network/index.ts'
import { seriousViolations } from '../web/axe.ts'
import { noChromiumBecause, startBrowser, takePicture, type Visit, visit } from '../web/browser.ts'
import { authorNamed, eventBy } from './authors.ts'
import { EventClient } from './event-client.ts'
import { untilCounted } from './observatory/ask-figures.ts'
import { startEventFlow } from './observatory/event-flow.ts'
import { freshEvents } from './observatory/events.ts'
import {
  relayNames,
  startWatchedNetwork,
  type WatchedNetwork,
  watching,
} from './observatory/watched-network.ts'
import { Stage, type StoaProcess } from './stoa-process.ts'

const RELAYS = 24
const EVENTS_AT_FIRST = 400
const EVENTS_PER_SECOND = 20
const SEED = 5
/** A relay of the network that thinks so long before it answers. */
const SLOW_MS = 150
/** Reports of relays come every ten seconds, and their history is read anew as often. */
const HISTORY_PATIENCE = { timeout: 60_000, interval: 2_000 }
const PATIENCE = { timeout: 30_000, interval: 250 }

const stage = new Stage()
const visits: Visit[] = []
let browser: Browser
let network: WatchedNetwork
let stoa: StoaProcess

const relaysOf = (urls: readonly string[]) =>
  tellStory({ urls, events: [], overlap: 1, seed: SEED }).relays.map((relay, index) =>
    index === 0 ? { ...relay, latencyMs: SLOW_MS } : relay,
  )

async function open(path = '/', options: Parameters<typeof visit>[2] = {}): Promise<Page> {
  const opened = await visit(browser, stoa.httpUrl(path), options)
  visits.push(opened)
  return opened.page
}

const settled = (page: Page) => page.locator('.relay-table tbody tr').first().waitFor()
const numberOf = async (page: Page, tile: string) =>
  numberIn(await page.locator(`[data-tile="${tile}"] .tile__value`).textContent())
const numberIn = (text: string | null) => Number((text ?? '').replaceAll(/[^\d.]/g, ''))
const numbersIn = async (page: Page, selector: string) =>
  (await page.locator(selector).allTextContents()).map(numberIn)
const relayPath = (url: string) => `/relays/${encodeURIComponent(url)}`
const urlsShown = (page: Page) => page.locator('.relay-table tbody .relay-link__url').allTextContents()

/** Events and people of each. */
async function relaysShown(page: Page) {
  const names = await urlsShown(page)
  const events = await numbersIn(page, '.relay-table tbody td.is-events')
  const people = await numbersIn(page, '.relay-table tbody td.is-people')
  return Object.fromEntries(names.map((name, row) => [name, [events[row], people[row]]]))
}

/** Until every range has everything: they are read one by one, and each may be half a second older than another. */
async function untilQuiet(): Promise<FullBody> {
  const { overview } = await untilCounted(stoa, network)
  for (const range of ['24h', '7d'] as const) {
    // All events of this network are of today.
    const eventsOf = async () => (await answer(range)).overview.total_events
    await expect.poll(eventsOf, PATIENCE).toBe(overview.total_events)
  }
  return answer('24h')
}

async function answer(range: RangeName): Promise<FullBody> {
  // The shape is that of the API.
  return (await (await fetch(stoa.httpUrl(`/api/v1/stats/full/${range}`))).json()) as FullBody
}

describe.skipIf(noChromiumBecause !== undefined)('the page over a network', () => {
  beforeAll(async () => {
    const names = await relayNames(RELAYS)
    network = await startWatchedNetwork(relaysOf(names))
    const next = freshEvents()
    const first = Array.from({ length: EVENTS_AT_FIRST }, (_, n) => ({
      event: next(),
      urls: [names[n % RELAYS]!, names[(n * 7 + 3) % RELAYS]!],
    }))
    network.publish(first)
    stoa = await stage.start({
      hasOffice: true,
      env: watching(stage, network.loopback.addresses),
    })
    browser = await startBrowser()
    await untilCounted(stoa, network)
  })
  afterEach(async () => {
    const left = visits.splice(0)
    for (const { leave } of left) await leave()
    // Of every visit: nothing is asked of anybody else, and the policy of the page is kept.
    expect(left.map(({ foreign, complaints }) => ({ foreign, complaints }))).toEqual(
      left.map(() => ({ foreign: [], complaints: [] })),
    )
  })
  afterAll(async () => {
    await browser?.close()
    await stage.end()
    await network?.stop()
  })

  test('its tiles move while events arrive, and stand still at what the API says when none do', async () => {
    const page = await open('/', { reducedMotion: 'no-preference' })
    await settled(page)
    const flow = startEventFlow(network, EVENTS_PER_SECOND)
    try {
      for (let moves = 0; moves < 3; moves++) {
        const before = await numberOf(page, 'events')
        await expect.poll(() => numberOf(page, 'events'), PATIENCE).toBeGreaterThan(before)
      }
      expect(await page.locator('.live').textContent()).toContain('Live')
      await takePicture(page, 'real-front')
    } finally {
      await flow.stop()
    }
    const { overview } = await untilQuiet()
    await expect.poll(() => numberOf(page, 'events'), PATIENCE).toBe(overview.total_events)
    expect(await numberOf(page, 'people')).toBe(overview.authors.count)
  })

  test('an event that is published to this very relay is on a page that nobody touches', async () => {
    const { overview } = await untilQuiet()
    const page = await open()
    await settled(page)
    expect(await numberOf(page, 'events')).toBe(overview.total_events)
    const event = eventBy(authorNamed('a visitor'), { content: 'I am here.' })
    network.countElsewhere(event)
    const client = await EventClient.open(stoa.url)
    // One alone: nothing comes after it that would carry it along.
    expect(await client.publish(event)).toMatchObject({ isAccepted: true })
    await expect.poll(() => numberOf(page, 'events'), PATIENCE).toBe(overview.total_events + 1)
    expect(await numberOf(page, 'people')).toBe(overview.authors.count + 1)
  })

  test('every figure on the page is that of the API, in each range', async () => {
    await untilQuiet()
    const page = await open()
    await settled(page)
    for (const [range, words] of [
      ['24h', 'the last 24 hours'],
      ['7d', 'the last 7 days'],
      ['all', 'all time'],
    ] as const) {
      await page.getByRole('link', { name: words }).click()
      await page.getByText(`Events by when they were created, over ${words}`).waitFor()
      const { overview, relays, events, top_relays, activity } = await answer(range)
      expect({
        relays: await numberOf(page, 'relays'),
        events: await numberOf(page, 'events'),
        people: await numberOf(page, 'people'),
        newPeople: await numberOf(page, 'new-people'),
        ofEach: await relaysShown(page),
        ofTop: await numbersIn(page, '#top tbody td:nth-of-type(2)'),
        ofKinds: await numbersIn(page, '#kinds tbody td:nth-of-type(1)'),
      }).toEqual({
        relays: overview.active_relays,
        events: overview.total_events,
        people: overview.authors.count,
        newPeople: overview.new_authors.count,
        ofEach: Object.fromEntries(
          relays.map(({ url, events: shown, active_users }) => [relayName(url), [shown, active_users.count]]),
        ),
        ofTop: top_relays.map((relay) => relay.events),
        ofKinds: Object.values(events.distribution.by_kind).toSorted((a, b) => b - a),
      })
      await page.locator('#activity').getByText('The same as a table').click()
      expect(await numbersIn(page, '#activity .as-table tbody td:nth-of-type(1)')).toEqual(
        activity.map((point) => point.events).toReversed(),
      )
      await page.locator('#activity').getByText('The same as a table').click()
    }
  })

  test('relays are sorted, filtered and searched for', async () => {
    const page = await open()
    await settled(page)
    const { relays } = await answer('24h')
    await page.getByRole('button', { name: 'Latency', exact: true }).click()
    const rising = await numbersIn(page, '.relay-table tbody .is-latency')
    expect(rising.length).toBe(relays.length)
    expect(rising).toEqual(rising.toSorted((a, b) => a - b))
    await page.getByLabel('Software', { exact: true }).selectOption('strfry')
    const ofSoftware = relays.filter(({ software }) => software?.includes('strfry') === true)
    await page.getByText(`${ofSoftware.length} of ${relays.length} relays`).waitFor()
    expect((await urlsShown(page)).toSorted()).toEqual(ofSoftware.map(({ url }) => relayName(url)).toSorted())
    await page.getByRole('button', { name: 'Clear all' }).click()
    const [wanted] = network.urls
    await page.getByRole('searchbox').fill(new URL(wanted!).hostname)
    await expect.poll(() => urlsShown(page), PATIENCE).toEqual([new URL(wanted!).hostname])
  })

  test.each(['light', 'dark'] as const)('axe finds nothing serious in the %s theme', async (colorScheme) => {
    for (const path of ['/', relayPath(network.urls[0]!)]) {
      const page = await open(path, { colorScheme })
      await page.locator('.chart canvas').first().waitFor()
      expect(await seriousViolations(page)).toEqual([])
    }
  })

  test('the theme is switched, and on a phone nothing is cut off at the side', async () => {
    const page = await open('/', {
      viewport: { width: 360, height: 740 },
      hasTouch: true,
      isMobile: true,
      colorScheme: 'light',
    })
    await settled(page)
    const paper = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
    const light = await paper()
    await page.getByRole('button', { name: 'Dark theme' }).click()
    expect(await paper()).not.toBe(light)
    const spare = 'document.documentElement.clientWidth - document.documentElement.scrollWidth'
    expect(await page.evaluate(spare)).toBeGreaterThanOrEqual(0)
    await takePicture(page, 'real-front-phone')
    await page.locator('.relay-table .relay-link').first().tap()
    await page.locator('.record').waitFor()
    expect(await page.evaluate(spare)).toBeGreaterThanOrEqual(0)
    await takePicture(page, 'real-relay-phone')
  })

  test('by keyboard alone one skips to the figures and opens a relay', async () => {
    const page = await open()
    await settled(page)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    const isOnRelay = () => page.evaluate<boolean>('document.activeElement.matches(".relay-link")')
    for (let pressed = 0; pressed < 60 && !(await isOnRelay()); pressed++) await page.keyboard.press('Tab')
    expect(await isOnRelay()).toBe(true)
    await page.keyboard.press('Enter')
    await page.locator('.record').waitFor()
    await expect.poll(() => page.evaluate('document.activeElement.tagName')).toBe('H1')
  })

  test('the page of a relay has the latency and uptime that were measured, and that it was away', async () => {
    const [slow, gone] = network.urls
    network.loopback.setAway(gone!, true)
    const page = await open(relayPath(slow!))
    await expect
      .poll(async () => {
        await page.reload()
        await page.locator('.record').waitFor()
        return page.locator('#history canvas').count()
      }, HISTORY_PATIENCE)
      .toBe(3)
    // Nobody answers faster than it thinks, however busy this machine is; percentiles are known to a few per cent.
    expect(await numberOf(page, 'latency')).toBeGreaterThan(0.9 * SLOW_MS)
    expect(await numberOf(page, 'uptime')).toBe(100)
    await page.locator('#history').getByText('The same as a table').click()
    const hours = page.getByRole('table', { name: 'History by hour' }).locator('tbody tr')
    expect(await hours.count()).toBe(24)
    // The hour that runs, or the one before when it has just begun.
    const measured = (await hours.allTextContents()).filter((text) => text.includes('ms'))
    expect(measured.length).toBeGreaterThanOrEqual(1)
    expect(await page.locator('.provenance').first().textContent()).toMatch(/as of .* ago[\s\S]*counted live/)
    await takePicture(page, 'real-relay')
    const other = await open(relayPath(gone!))
    await expect
      .poll(async () => {
        await other.reload()
        await other.locator('.record').waitFor()
        return other.locator('#log tbody').allTextContents()
      }, HISTORY_PATIENCE)
      .toEqual([expect.stringContaining('waiting')])
    expect(await other.locator('[data-tile="state"]').textContent()).toContain('down')
  })
})
