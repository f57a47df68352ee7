/** The page of one relay, in real Chromium. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noChromiumBecause, startBrowser, takePicture, visit } from './browser.ts'
import { type PageServer, startPageServer } from './page-server.ts'

let browser: Browser
let server: PageServer

describe.skipIf(noChromiumBecause !== undefined)('the page of a relay', () => {
  beforeAll(async () => {
    browser = await startBrowser()
    server = await startPageServer()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.stop()
  })

  test('is reached from the table without loading the page anew, keeps the range, and leads back', async () => {
    const { page, leave } = await visit(browser, `${server.url}/?range=7d&q=agora`)
    await page.locator('.relay-table tbody tr').first().waitFor()
    await page.evaluate('window.isTheSame = true')
    await page.locator('.relay-table .relay-link').first().click()
    await page.locator('.record').waitFor()
    expect(page.url()).toBe(`${server.url}/relays/wss%3A%2F%2Fagora0.example%2Finbox?range=7d`)
    expect(await page.title()).toBe('agora0.example/inbox · Agora of Tests')
    expect(server.asked.at(-1)).toBe('/api/v1/stats/relays/wss%3A%2F%2Fagora0.example%2Finbox?range=7d')
    await page.goBack()
    await page.locator('.relay-table tbody tr').first().waitFor()
    expect(await page.getByRole('searchbox').inputValue()).toBe('agora')
    expect(await page.evaluate('window.isTheSame')).toBe(true)
    await leave()
  })

  test('shows history, kinds, facts, other monitors and the log; what a relay says is never markup', async () => {
    const address = `${server.url}/relays/${encodeURIComponent('wss://relay1.example')}`
    const { page, foreign, complaints, leave } = await visit(browser, address)
    await page.locator('.chart canvas').nth(2).waitFor()
    const text = (await page.locator('main').textContent()) ?? ''
    expect(text).toContain('A relay for everybody who passes by. <script>alert(1)</script>')
    for (const fact of [
      'United States (US)',
      'nostream',
      'NIP-11',
      'says that it needs payment',
      'forged id',
      'Short note',
      'measured in 1 region: eu-north',
    ])
      expect(text).toContain(fact)
    await page.getByText('The same as a table').click()
    const hours = page.getByRole('table', { name: 'History by hour' }).locator('tbody tr')
    expect(await hours.count()).toBe(24)
    // An hour in which it was down has no latency, and no latency is not 0.
    expect(await hours.nth(18).textContent()).toMatch(/––0 %0$/)
    expect([foreign, complaints]).toEqual([[], []])
    await takePicture(page, 'relay')
    await leave()
  })

  test('says so when the relay is not known', async () => {
    const { page, leave } = await visit(
      browser,
      `${server.url}/relays/${encodeURIComponent('wss://nowhere.example')}`,
    )
    await page.getByText('No relay of that address is known').waitFor()
    await page.getByRole('link', { name: 'All relays and figures' }).click()
    await page.locator('.relay-table tbody tr').first().waitFor()
    await leave()
  })
})
