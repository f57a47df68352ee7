/** The page when something is missing: events, answers, the network, the stream, the database. It says so, and goes on by itself. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { noChromiumBecause, startBrowser, takePicture, type Visit, visit } from './browser.ts'
import { BRAND } from './fixtures.ts'
import { type ApiState, type PageServer, startPageServer } from './page-server.ts'

let browser: Browser
let server: PageServer

const visits: Visit[] = []
const open = async (path = '/', options: Parameters<typeof visit>[2] = {}) => {
  // With a clock that a test can put forward, nobody waits for what the page waits for.
  const opened = await visit(browser, server.url + path, options, (page) => page.clock.install())
  visits.push(opened)
  return opened
}

/** Longer than the page waits after any refusal of these tests: 77 s, 2 s, 10 s. */
const AFTER_ANY_WAIT_MS = 78_000
const HOUR_MS = 3_600_000

const tile = (page: Page, name: string) => page.locator(`[data-tile="${name}"] .tile__value`)
const settled = (page: Page) => page.locator('.relay-table tbody tr').first().waitFor()
const relayPath = `/relays/${encodeURIComponent('wss://relay1.example')}`

describe.skipIf(noChromiumBecause !== undefined)('the page', () => {
  beforeAll(async () => {
    browser = await startBrowser()
    server = await startPageServer()
  })
  beforeEach(async () => {
    for (const { leave } of visits.splice(0)) await leave()
    Object.assign(server, { state: 'well', brand: BRAND, hasStream: true, ageMs: 0, hasRecords: true })
  })
  afterAll(async () => {
    await browser?.close()
    await server?.stop()
  })

  test('where the stream is closed, the page asks by itself and says so', async () => {
    server.hasStream = false
    const { page } = await open()
    await settled(page)
    await page.getByText('Every 30 s').waitFor()
    expect(await tile(page, 'relays').textContent()).toBe('214')
  })

  test('a Stoa that has seen nothing yet says what happens', async () => {
    server.state = 'empty'
    const { page, complaints } = await open()
    await page.getByText('The doors have just opened').waitFor()
    expect(await page.locator('main').textContent()).toContain('12 of 240 relays are connected;')
    expect(await tile(page, 'latency').textContent()).toBe('–')
    expect(complaints).toEqual([])
    await takePicture(page, 'empty')
  })

  test('where this relay alone is watched the page says so, and how to have all of Nostr counted', async () => {
    Object.assign(server, { state: 'empty', brand: { ...BRAND, watch: 'own' } })
    const { page } = await open()
    await page.getByText('The doors have just opened').waitFor()
    const text = (await page.locator('main').textContent()) ?? ''
    expect(text).toContain('counted at this relay alone')
    expect(text).toContain('observatory.watch = "network"')
    expect(text).not.toContain('relays are connected')
  })

  test('where nothing is watched the page says so instead of waiting', async () => {
    Object.assign(server, { state: 'not-ready', brand: { ...BRAND, watch: 'off' } })
    const { page } = await open()
    await page.getByText('Nothing is watched here').waitFor()
    expect(await page.getByRole('alert').count()).toBe(0)
  })

  test('who asks too much is told how long to wait', async () => {
    server.state = 'limited'
    const { page } = await open()
    const notice = page.getByRole('alert')
    await notice.waitFor()
    expect(await notice.textContent()).toMatch(/Too many questions.*goes on by itself in 1:1\d$/)
    expect(await notice.getByRole('button').count()).toBe(0)
    await takePicture(page, 'limited')
  })

  test('figures that are shown stay when the server fails, and trying again brings new ones', async () => {
    server.state = 'broken'
    const { page } = await open()
    await page.getByText('The server could not answer', { exact: true }).waitFor()
    await takePicture(page, 'broken')
    server.state = 'well'
    await page.getByRole('button', { name: 'Try again' }).click()
    await settled(page)
    expect(await page.getByRole('alert').count()).toBe(0)
    server.state = 'broken'
    await page.getByRole('link', { name: 'the last 30 days' }).click()
    await page.getByRole('alert').waitFor()
    expect(await tile(page, 'relays').textContent()).toBe('214')
  })

  test('a program that has no figures yet is asked again when it said', async () => {
    server.state = 'not-ready'
    const { page } = await open()
    await page.getByText('The observatory is not ready yet').waitFor()
    server.state = 'well'
    await page.clock.fastForward(AFTER_ANY_WAIT_MS)
    await settled(page)
  })

  test('without a network the page says so, and goes on when there is one', async () => {
    const { page } = await open()
    await settled(page)
    await page.context().setOffline(true)
    await page.getByText('Offline').waitFor()
    await page.getByRole('link', { name: 'the last 7 days' }).click()
    await page.getByText('The server cannot be reached').waitFor()
    await page.context().setOffline(false)
    await page.getByText('over the last 7 days').first().waitFor()
    expect(await page.getByRole('alert').count()).toBe(0)
  })

  test('the first event of all brings everything else, and nobody waits two minutes for it', async () => {
    server.state = 'empty'
    const { page } = await open()
    await page.getByText('The doors have just opened').waitFor()
    await server.listener('24h')
    server.state = 'well'
    server.pushOverview('24h', {})
    await settled(page)
    expect(await page.getByText('The doors have just opened').count()).toBe(0)
  })

  test('figures that stand still say how old they are, and the page goes on with newer ones', async () => {
    server.ageMs = 3 * HOUR_MS
    const { page } = await open()
    await page.getByText('These figures are 3 h old').waitFor()
    await page.getByText('Standing still').waitFor()
    expect(await page.locator('main').textContent()).toContain('goes on by itself')
    expect(await tile(page, 'relays').textContent()).toBe('214')
    await takePicture(page, 'standstill')
    await server.listener('24h')
    server.pushOverview('24h', { total_events: 7_654_321 })
    await page.getByText('7,654,321').waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
    expect(await page.getByText('These figures are').count()).toBe(0)
  })

  test.each([
    ['limited', 'Too many questions from your address'],
    ['not-ready', 'The observatory is not ready yet'],
    ['broken', 'The server could not answer'],
  ] as const satisfies readonly (readonly [ApiState, string])[])(
    'where the API is %s the page says so, of all figures and of a relay, and goes on by itself',
    async (state, words) => {
      for (const [path, shown] of [
        ['/', '.relay-table tbody tr'],
        [relayPath, '.record'],
      ] as const) {
        server.state = state
        const { page } = await open(path)
        await page.getByRole('alert').getByText(words, { exact: true }).waitFor()
        server.state = 'well'
        await page.clock.fastForward(AFTER_ANY_WAIT_MS)
        await page.locator(shown).first().waitFor()
        await page.getByRole('alert').waitFor({ state: 'detached' })
      }
    },
  )

  test('a relay without its records says that they cannot be read, and shows the figures', async () => {
    server.hasRecords = false
    const { page } = await open(relayPath)
    await page.locator('.record').waitFor()
    expect(await page.getByText('This cannot be read at the moment').count()).toBe(3)
    expect(await tile(page, 'events').textContent()).toMatch(/^[\d,]+$/)
    server.hasRecords = true
    await page.clock.fastForward(AFTER_ANY_WAIT_MS)
    await page.locator('.log').waitFor()
    expect(await page.getByText('This cannot be read at the moment').count()).toBe(0)
  })

  test('a relay that is looked at without a network comes when there is one', async () => {
    const { page } = await open()
    await settled(page)
    await page.context().setOffline(true)
    await page.locator('.relay-table .relay-link').first().click()
    await page.getByText('The server cannot be reached').waitFor()
    await page.context().setOffline(false)
    await page.clock.fastForward(AFTER_ANY_WAIT_MS)
    await page.locator('.record').waitFor()
    expect(await page.getByRole('alert').count()).toBe(0)
  })

  test('whoever asked for recommendations once too often gets them when the time is over', async () => {
    const { page } = await open()
    await settled(page)
    server.state = 'limited'
    await page.getByLabel('Public key').fill('ab'.repeat(32))
    await page.getByRole('button', { name: 'Recommend' }).click()
    await page.getByText('Too many questions from your address').waitFor()
    server.state = 'well'
    await page.clock.fastForward(AFTER_ANY_WAIT_MS)
    await page.locator('.advice').waitFor()
    expect(await page.getByRole('alert').count()).toBe(0)
  })
})
