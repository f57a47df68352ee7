/** What axe finds, in both themes, on a desk and on a phone. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seriousViolations } from './axe.ts'
import { noChromiumBecause, startBrowser, visit } from './browser.ts'
import { type ApiState, type PageServer, startPageServer } from './page-server.ts'

let browser: Browser
let server: PageServer

describe.skipIf(noChromiumBecause !== undefined)('axe finds nothing serious', () => {
  beforeAll(async () => {
    browser = await startBrowser()
    server = await startPageServer()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.stop()
  })

  const relayPath = `/relays/${encodeURIComponent('wss://harbour27.example')}`
  const cases = (['light', 'dark'] as const).flatMap((theme) =>
    [1440, 360].flatMap((width) => ['/?range=all', relayPath].map((path) => ({ theme, width, path }))),
  )

  test.each(cases)('in $theme at $width pixels on $path', async ({ theme, width, path }) => {
    server.state = 'well'
    const { page, leave } = await visit(browser, server.url + path, {
      colorScheme: theme,
      viewport: { width, height: 900 },
    })
    await page.locator('.chart canvas').first().waitFor()
    // On the front page of all time it has a row for each day, which is more of the same.
    if (path === relayPath) await page.getByText('The same as a table').click()
    expect(await seriousViolations(page)).toEqual([])
    await leave()
  })

  test.each(['empty', 'limited', 'broken'] as const satisfies readonly ApiState[])(
    'when the API is %s',
    async (state) => {
      server.state = state
      for (const colorScheme of ['light', 'dark'] as const) {
        const { page, leave } = await visit(browser, server.url, { colorScheme })
        await page.locator(state === 'empty' ? '#first-title' : '[role="alert"]').waitFor()
        expect(await seriousViolations(page)).toEqual([])
        await leave()
      }
      server.state = 'well'
    },
  )

  test('with recommendations, and with a mistake in the key', async () => {
    server.state = 'well'
    const { page, leave } = await visit(browser, server.url, { colorScheme: 'dark' })
    await page.getByLabel('Public key').fill('npub1mistyped')
    await page.getByRole('button', { name: 'Recommend' }).click()
    await page.getByText('has a letter wrong').waitFor()
    expect(await seriousViolations(page)).toEqual([])
    await page.getByLabel('Public key').fill('ab'.repeat(32))
    await page.getByRole('button', { name: 'Recommend' }).click()
    await page.locator('.advice').waitFor()
    expect(await seriousViolations(page)).toEqual([])
    await leave()
  })
})
