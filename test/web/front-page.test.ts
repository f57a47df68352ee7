/** The front page in real Chromium, with an API of fixtures. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { noChromiumBecause, startBrowser, takePicture, type Visit, visit } from './browser.ts'
import { BRAND, RELAYS } from './fixtures.ts'
import { type PageServer, startPageServer } from './page-server.ts'

let browser: Browser
let server: PageServer

const visits: Visit[] = []
const open = async (path = '/', options: Parameters<typeof visit>[2] = {}) => {
  const opened = await visit(browser, server.url + path, options)
  visits.push(opened)
  return opened
}

const tile = (page: Page, name: string) => page.locator(`[data-tile="${name}"] .tile__value`)
const rows = (page: Page) => page.locator('.relay-table tbody tr')
const firstRelay = (page: Page) => rows(page).first().locator('.relay-link__url')
const searchOf = (page: Page) => new URL(page.url()).search
const settled = (page: Page) => rows(page).first().waitFor()

describe.skipIf(noChromiumBecause !== undefined)('the front page', () => {
  beforeAll(async () => {
    browser = await startBrowser()
    server = await startPageServer()
  })
  beforeEach(async () => {
    for (const { leave } of visits.splice(0)) await leave()
    Object.assign(server, { state: 'well', brand: BRAND })
    server.asked.length = 0
  })
  afterAll(async () => {
    await browser?.close()
    await server?.stop()
  })

  test('a tile shows the number that the stream has just brought, and how old it is', async () => {
    const { page } = await open()
    await settled(page)
    await server.listener('24h')
    server.pushOverview('24h', { total_events: 7_654_321 })
    await page.getByText('7,654,321').waitFor()
    expect(await tile(page, 'events').textContent()).toBe('7,654,321')
    expect(await page.locator('.live').textContent()).toMatch(/^Liveas of \d s ago$/)
    expect(await page.locator('.figures > .provenance').textContent()).toMatch(
      /^as of \d s ago180 of 240 relays connectedregion eu-northcounted live$/,
    )
  })

  test('a number walks to its next value where motion is welcome, and ends at the true one', async () => {
    const { page } = await open('/', { reducedMotion: 'no-preference' })
    await settled(page)
    await server.listener('24h')
    server.pushOverview('24h', { total_events: 9_000_001 })
    await page.getByText('9,000,001').waitFor()
  })

  test('all figures come in one question for each range, which is in the address', async () => {
    const { page } = await open()
    await settled(page)
    const dayOfEvents = await tile(page, 'events').textContent()
    await page.getByRole('link', { name: 'the last 7 days' }).click()
    await page.getByText('Events by when they were created, over the last 7 days').waitFor()
    expect(searchOf(page)).toBe('?range=7d')
    expect(await tile(page, 'events').textContent()).not.toBe(dayOfEvents)
    await page.goBack()
    await page.getByText('Events by when they were created, over the last 24 hours').waitFor()
    expect(server.asked.filter((path) => path.includes('/full/'))).toEqual([
      '/api/v1/stats/full/24h',
      '/api/v1/stats/full/7d',
      '/api/v1/stats/full/24h',
    ])
  })

  test('an address with a range opens in it, and an estimate says how far off it may be', async () => {
    const { page } = await open('/?range=all')
    await settled(page)
    expect(await page.locator('[aria-current="true"]').textContent()).toContain('All')
    expect(await tile(page, 'people').textContent()).toContain('±6.5 %')
  })

  test('the buttons in the head sort the relays, both ways, and say so', async () => {
    const { page } = await open()
    await settled(page)
    const sortBy = async (name: string) => page.getByRole('button', { name, exact: true }).click()
    const latencies = async () =>
      (await page.locator('.relay-table tbody .is-latency').allTextContents()).map(Number.parseFloat)
    await sortBy('Latency')
    const rising = await latencies()
    expect(rising.length).toBe(50)
    expect(rising).toEqual(rising.toSorted((a, b) => a - b))
    expect(await page.locator('[aria-sort="ascending"]').textContent()).toBe('Latency')
    await sortBy('Latency')
    const falling = await latencies()
    expect(falling).toEqual(falling.toSorted((a, b) => b - a))
    expect(searchOf(page)).toBe('?sort=latency&dir=descending')
    expect(await page.locator('[aria-sort="descending"]').textContent()).toBe('Latency')
  })

  test('filters and the search leave the relays that hold them, and are in the address', async () => {
    const { page } = await open()
    await settled(page)
    expect(await page.locator('.relays__count').textContent()).toBe(`${RELAYS} relays`)
    await page.getByLabel('NIP', { exact: true }).selectOption('50')
    await page.getByLabel('State', { exact: true }).selectOption('live')
    await page.getByRole('searchbox').fill('strfry')
    await page.getByText('8 of 240 relays').waitFor()
    expect(await rows(page).count()).toBe(8)
    const address = page.url()
    await page.getByRole('button', { name: 'Clear all' }).click()
    await page.getByText('240 relays', { exact: true }).waitFor()
    const again = await open(new URL(address).pathname + new URL(address).search)
    await again.page.getByText('8 of 240 relays').waitFor()
    await again.page.getByRole('searchbox').fill('no such relay')
    await again.page.getByText('No relay is like that.').waitFor()
  })

  test('relays come by fifty, and the last page has the rest', async () => {
    const { page } = await open()
    await settled(page)
    expect(await rows(page).count()).toBe(50)
    for (let turned = 0; turned < 4; turned++) await page.getByRole('button', { name: 'Next' }).click()
    await page.getByText('Page 5 of 5').waitFor()
    expect(await rows(page).count()).toBe(RELAYS - 200)
    expect(await page.getByRole('button', { name: 'Next' }).isDisabled()).toBe(true)
  })

  test('the chart shows its numbers at the pointer, and as a table for who has none', async () => {
    const { page } = await open()
    await settled(page)
    const chart = page.locator('#activity .chart__plot').first()
    await chart.scrollIntoViewIfNeeded()
    await chart.hover({ position: { x: 300, y: 60 } })
    expect(await page.locator('.tooltip__row').allTextContents()).toHaveLength(4)
    await page.getByText('The same as a table').first().click()
    const table = page.getByRole('table', { name: 'Activity by hour' })
    expect(await table.locator('tbody tr').count()).toBe(24)
    expect(await table.locator('tbody tr').first().textContent()).toMatch(/UTC, so far/)
    expect(await chart.getAttribute('aria-label')).toMatch(/^Events per hour: between [\d,]+ and [\d,]+, now/)
  })

  test('shares of clients stand beside the share of events that name one', async () => {
    const { page } = await open()
    await settled(page)
    expect(await page.locator('#clients .caveat').textContent()).toContain(
      '17.3 % of events carry a client tag',
    )
  })

  test('a key is recommended relays with reasons, and a secret one is not sent', async () => {
    const { page } = await open()
    await settled(page)
    const field = page.getByLabel('Public key')
    await field.fill('nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5')
    await field.press('Enter')
    await page.getByText('This is a secret key. It was not sent anywhere').waitFor()
    expect(server.asked.filter((path) => path.includes('recommendations'))).toEqual([])
    await field.fill('npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg')
    await page.getByRole('button', { name: 'Recommend' }).click()
    await page.getByText('140 of your follows write here').waitFor()
    expect(server.asked.at(-1)).toBe(
      '/api/v1/stats/recommendations?pubkey=7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e',
    )
    expect(await page.locator('.found .caveat').textContent()).toContain(
      'reach 171 of the 180 followed people',
    )
  })

  test('the address of the relay is the one of this page, and can be copied', async () => {
    const { page } = await open('/', { permissions: ['clipboard-read', 'clipboard-write'] })
    const address = server.url.replace('http', 'ws')
    expect(await page.locator('.connect code').textContent()).toBe(address)
    await page.getByRole('button', { name: 'Copy the address of this relay' }).click()
    await page.getByText('Copied').first().waitFor()
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(address)
  })

  test('the theme follows the system until it is switched, and the switch is remembered', async () => {
    const { page } = await open('/', { colorScheme: 'dark' })
    const paper = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
    expect(await paper()).toBe('rgb(22, 23, 26)')
    await page.getByRole('button', { name: 'Dark theme' }).click()
    expect(await paper()).toBe('rgb(250, 248, 243)')
    await page.reload()
    expect(await paper()).toBe('rgb(250, 248, 243)')
    await page.getByRole('button', { name: 'Dark theme' }).click()
    expect(await paper()).toBe('rgb(22, 23, 26)')
    expect(await page.evaluate('localStorage.getItem("stoa.theme")')).toBeNull()
  })

  test('name and looks come from the operator; a pale colour is made readable', async () => {
    server.brand = {
      ...BRAND,
      name: 'Piraeus',
      tagline: 'The harbour',
      accent: 'yellow',
      logo: '/favicon.svg',
      watch: 'own',
    }
    const { page, foreign } = await open()
    await page.getByText('Piraeus', { exact: true }).waitFor()
    expect(await page.title()).toBe('Piraeus')
    expect(await page.locator('h1').textContent()).toBe('What this relay sees')
    expect(await page.locator('.mark').getAttribute('src')).toBe('/favicon.svg')
    const accent = await page.evaluate(
      'getComputedStyle(document.documentElement).getPropertyValue("--accent")',
    )
    expect(accent).toMatch(/^rgb\(\d+ \d+ \d+\)$/)
    expect(accent).not.toBe('rgb(255 255 0)')
    server.brand = { ...BRAND, name: 'Elsewhere', logo: 'https://tracker.example/logo.png' }
    await page.reload()
    await page.getByText('Elsewhere', { exact: true }).waitFor()
    expect(await page.locator('img.mark').count()).toBe(0)
    expect(foreign).toEqual([])
  })

  test('nothing is asked of anybody but this server, and its policy is not broken', async () => {
    const { page, foreign, complaints } = await open()
    await settled(page)
    await page.getByRole('button', { name: 'Dark theme' }).click()
    await page.goto(`${server.url}/relays/${encodeURIComponent('wss://nostr2.example')}`)
    await page.locator('.chart canvas').first().waitFor()
    expect(foreign).toEqual([])
    expect(complaints).toEqual([])
  })

  test('by keyboard alone one skips to the figures, sorts, and opens a relay', async () => {
    const { page } = await open()
    await settled(page)
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the figures')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    const focused = () => page.evaluate<string>('document.activeElement.textContent')
    for (let pressed = 0; pressed < 40 && !(await focused()).startsWith('Uptime'); pressed++)
      await page.keyboard.press('Tab')
    // The first is the filter of that name: the button in the head comes after it.
    for (let pressed = 0; pressed < 10; pressed++) {
      if (
        await page.evaluate(
          'document.activeElement.className === "sort" && document.activeElement.textContent === "Uptime"',
        )
      )
        break
      await page.keyboard.press('Tab')
    }
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('[aria-sort="descending"]').textContent()).toBe('Uptime')
    while (!(await page.evaluate('document.activeElement.matches(".relay-link")')))
      await page.keyboard.press('Tab')
    const name = await firstRelay(page).textContent()
    await page.keyboard.press('Enter')
    await expect.poll(() => page.evaluate('document.activeElement.tagName')).toBe('H1')
    expect(await focused()).toBe(name)
  })

  test.each([360, 768, 1440])('at %d pixels nothing is cut off at the side, in any range', async (width) => {
    for (const path of [
      '/',
      '/?range=all',
      `/relays/${encodeURIComponent('wss://agora0.example/inbox')}?range=7d`,
    ]) {
      const { page } = await open(path, {
        viewport: { width, height: 800 },
        hasTouch: width < 500,
        isMobile: width < 500,
      })
      await page.locator('.chart canvas').first().waitFor()
      const wide = await page.evaluate<number>('document.documentElement.scrollWidth')
      expect([path, wide <= (await page.evaluate<number>('document.documentElement.clientWidth'))]).toEqual([
        path,
        true,
      ])
      await takePicture(page, `${width}${path.replaceAll(/\W/g, '_')}`)
    }
  })

  test('on a phone filters fold away, and every column can be sorted by', async () => {
    const { page } = await open('/', {
      viewport: { width: 360, height: 740 },
      hasTouch: true,
      isMobile: true,
    })
    await settled(page)
    expect(await page.getByLabel('NIP', { exact: true }).isVisible()).toBe(false)
    await page.getByRole('button', { name: 'Filters' }).click()
    await page.getByLabel('Sort by').selectOption('latency')
    expect(searchOf(page)).toBe('?sort=latency&dir=ascending')
    await page.getByLabel('NIP', { exact: true }).selectOption('50')
    await page.getByText('40 of 240 relays').waitFor()
  })

  test('what is below does not jump when the figures come', async () => {
    server.state = 'slow'
    const { page } = await open('/', { viewport: { width: 1440, height: 900 } })
    await page.locator('.tiles .bone').first().waitFor()
    await page.evaluate(`
      window.shift = 0
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) window.shift += entry.value
      }).observe({ type: 'layout-shift', buffered: true })
    `)
    await settled(page)
    expect(await page.evaluate<number>('window.shift')).toBeLessThan(0.1)
  })

  test('operators and programs find their ways in at the foot of the page', async () => {
    const { page } = await open()
    const links = page.getByRole('navigation', { name: 'For operators and programs' }).getByRole('link')
    expect(await links.evaluateAll((all) => all.map((link) => link.getAttribute('href')))).toEqual([
      '/api/v1/docs',
      '/health',
      '/metrics',
    ])
  })
})
