/** What axe finds, in both themes, on a desk and on a phone. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noChromiumBecause, startBrowser, visit } from './browser.ts'
import { type ApiState, type PageServer, startPageServer } from './page-server.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let browser: Browser
let server: PageServer

/** In words, so that a failure says where to look. The policy of the page does not bind a debugger. */
async function seriousViolations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>("axe.run({ resultTypes: ['violations'] })")
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary}`),
    )
}

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
