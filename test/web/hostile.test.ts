/** What strangers write of themselves, in real Chromium: it is shown, and does nothing. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { softwareName } from '../../web/src/relays/relay-names.ts'
import { seriousViolations } from './axe.ts'
import { noChromiumBecause, startBrowser, takePicture, type Visit, visit } from './browser.ts'
import { HOSTILE_RELAY, RELAYS_OF_EACH, TEXTS } from './hostile.ts'
import { type PageServer, startPageServer } from './page-server.ts'

let browser: Browser
let server: PageServer

/** Elements that the page itself has none of, and links that are more than links. */
const PLANTED =
  '#app :is(script, iframe, object, embed, img, style, textarea, [onerror], [onload], a[href^="javascript" i])'
const relayPath = `/relays/${encodeURIComponent(HOSTILE_RELAY)}`

describe.skipIf(noChromiumBecause !== undefined)('what strangers write', () => {
  beforeAll(async () => {
    browser = await startBrowser()
    server = await startPageServer()
    server.state = 'hostile'
  })
  afterAll(async () => {
    await browser?.close()
    await server?.stop()
  })

  test.each([360, 1440])('is harmless in the tables of the front page, at %d pixels', async (width) => {
    const { page, leave, ...rest } = await visit(browser, server.url, { viewport: { width, height: 800 } })
    const rows = page.locator('.relay-table tbody tr')
    await rows.first().waitFor()
    await isHarmless(page, rest)
    // A name is a line, however long it is; and an accent stays in it.
    const heights = await rows.evaluateAll((all) => all.map((row) => row.getBoundingClientRect().height))
    expect(Math.max(...heights)).toBeLessThan(100)
    expect(await page.locator('.relay-table').textContent()).toContain('<script>window.harm=1</script>')
    expect(await page.locator('#clients').textContent()).toContain('javascript:window.harm=1')
    expect(await seriousViolations(page)).toEqual([])
    await takePicture(page, `hostile_front_${width}`)
    await leave()
  })

  test('can be filtered by and searched for, and the address brings it back', async () => {
    const { page, leave, ...rest } = await visit(browser, server.url)
    const options = page.getByLabel('Software', { exact: true }).locator('option')
    await options.nth(1).waitFor({ state: 'attached' })
    const lengths = (await options.allTextContents()).map((text) => text.length)
    expect(Math.max(...lengths)).toBeLessThan(50)
    for (const text of [TEXTS.oneWord, TEXTS.turned, TEXTS.emoji, TEXTS.markup]) {
      await page.getByLabel('Software', { exact: true }).selectOption(softwareName(text))
      await page.getByText(`${RELAYS_OF_EACH} of 240 relays`).waitFor()
    }
    await page.reload()
    await page.getByText(`${RELAYS_OF_EACH} of 240 relays`).waitFor()
    await page.getByRole('button', { name: 'Clear all' }).click()
    await page.getByRole('searchbox').fill('onerror="window')
    await page.getByText(`${RELAYS_OF_EACH} of 240 relays`).waitFor()
    await isHarmless(page, rest)
    await leave()
  })

  test.each([360, 1440])('is harmless on the page of a relay, at %d pixels', async (width) => {
    const { page, leave, ...rest } = await visit(browser, server.url + relayPath, {
      viewport: { width, height: 800 },
    })
    await page.locator('.chart canvas').first().waitFor()
    await isHarmless(page, rest)
    const title = await page.title()
    expect(title).toMatch(/^relay\.example\/<\/title><script>window\.harm=1<\/script> x+… · Agora of Tests$/)
    expect(title.length).toBeLessThan(150)
    const heights = await page
      .locator('.record > div, .log tbody tr, .monitors tbody tr, .opening')
      .evaluateAll((all) => all.map((element) => element.getBoundingClientRect().height))
    expect(heights.length).toBeGreaterThan(20)
    expect(Math.max(...heights)).toBeLessThan(1600)
    expect(await seriousViolations(page)).toEqual([])
    await takePicture(page, `hostile_relay_${width}`)
    await leave()
  })

  test('a link that calls itself a relay does not choose the title of the page', async () => {
    const { page, leave } = await visit(browser, `${server.url}/relays/${encodeURIComponent('Call 555')}`)
    await page.getByText('Nothing is here').waitFor()
    expect(await page.title()).toBe('Agora of Tests')
    expect(await page.locator('body').textContent()).not.toContain('Call 555')
    await leave()
  })
})

/** Nothing ran, nothing was planted, nobody else was asked, nothing is turned around, and nothing sticks out. */
async function isHarmless(page: Page, { foreign, complaints }: Omit<Visit, 'page' | 'leave'>): Promise<void> {
  expect(await page.evaluate('window.harm')).toBeUndefined()
  expect(await page.locator(PLANTED).count()).toBe(0)
  expect([foreign, complaints]).toEqual([[], []])
  const texts = [
    await page.title(),
    (await page.locator('#app').textContent()) ?? '',
    ...(await page
      .locator('[title]')
      .evaluateAll((all) => all.map((element) => element.getAttribute('title') ?? ''))),
  ]
  expect(texts.filter((text) => /[\p{Bidi_C}\p{Cc}]/u.test(text))).toEqual([])
  const [wide, room] = [
    await page.evaluate<number>('document.documentElement.scrollWidth'),
    await page.evaluate<number>('document.documentElement.clientWidth'),
  ]
  expect(wide).toBeLessThanOrEqual(room)
}
