/** Real Chromium, one for each test file; without it these tests say so and are skipped. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const CHROMIUM = process.env.STOA_CHROMIUM ?? '/usr/bin/chromium'

/** Undefined when there is one. */
export const noChromiumBecause = existsSync(CHROMIUM)
  ? undefined
  : `${CHROMIUM} is not there (STOA_CHROMIUM names another)`
if (noChromiumBecause !== undefined) console.warn(`SKIPPED, the page is not tested: ${noChromiumBecause}`)

/** Pictures for whoever wants to look; nowhere otherwise. */
const PICTURES = process.env.STOA_SCREENSHOTS

export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}

/** For a busy machine; what does not come by then does not come. */
const PATIENCE_MS = 20_000

export interface Visit {
  readonly page: Page
  /** Of other origins than the page's own. */
  readonly foreign: readonly string[]
  /** What the browser wrote to its console as an error, and what a policy forbade. */
  readonly complaints: readonly string[]
  leave(): Promise<void>
}

/** @param prepare is done before the page is loaded. */
export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
  prepare: (page: Page) => Promise<void> = async () => {},
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce',
    ...options,
  })
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  const foreign: string[] = []
  const complaints: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(url).origin) && !request.url().startsWith('data:'))
      foreign.push(request.url())
  })
  page.on('console', (message) => {
    // That an answer was not 2xx is for the page to handle, and tested apart.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('dialog', (dialog) => complaints.push(`a dialog: ${dialog.message()}`))
  await prepare(page)
  await page.goto(url)
  return { page, foreign, complaints, leave: () => context.close() }
}

export async function takePicture(page: Page, name: string, fullPage = true): Promise<void> {
  if (PICTURES === undefined) return
  mkdirSync(PICTURES, { recursive: true })
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage })
}
