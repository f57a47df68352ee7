/** What stands in `deploy/` names only settings and metrics that there are, and settings with values that they take. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ownMetrics } from '../scripts/generate-metrics-reference.ts'
import { loadConfig } from '../src/config/index.ts'
import { Stage, type StoaProcess } from './e2e/stoa-process.ts'

const DEPLOY = join(import.meta.dirname, '../deploy')
const compose = readFileSync(join(DEPLOY, 'compose/compose.yml'), 'utf8')
const dockerfile = readFileSync(join(DEPLOY, 'compose/Dockerfile'), 'utf8')
const unit = readFileSync(join(DEPLOY, 'systemd/stoa.service'), 'utf8')
const collectorUnit = readFileSync(join(DEPLOY, 'systemd/stoa-collector.service'), 'utf8')
const dashboard = readFileSync(join(DEPLOY, 'grafana/stoa.json'), 'utf8')
const alerts = readFileSync(join(DEPLOY, 'prometheus/alerts.yml'), 'utf8')

/** Prometheus makes it of every scrape. */
const MADE_BY_PROMETHEUS = ['up']
/** The rooms behind the relay open a moment after it. */
const PATIENCE = { timeout: 30_000, interval: 200 }
/** A database of its own is made, started and stopped. */
const SLOW_MS = 90_000

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

describe('the metrics of a program with every role', () => {
  test.each([1, 3])(
    'are those of the reference page, with %i threads',
    async (threads) => {
      const shown = await metricsOf(threads)
      const own = [...shown].filter((name) => name.startsWith('stoa_'))
      expect(own.toSorted()).toEqual(ownMetrics().flatMap(seriesOf).toSorted())
    },
    SLOW_MS,
  )

  test(
    'have all that the dashboard draws and the alert rules look at',
    async () => {
      const shown = await metricsOf(1)
      const drawn = namesIn(expressionsIn(JSON.parse(dashboard)).join('\n'))
      const watched = namesIn([...alerts.matchAll(/^ +expr:( .+|(?: \|\n(?: {10,}.+\n)+))/gm)].join('\n'))
      expect(drawn.length).toBeGreaterThan(30)
      expect(watched.length).toBeGreaterThan(15)
      const known = new Set([...shown, ...MADE_BY_PROMETHEUS])
      expect([...drawn, ...watched].filter((name) => !known.has(name))).toEqual([])
    },
    SLOW_MS,
  )

  test('have help in one line, a name of the usual form, and labels that are not names of people', () => {
    for (const { name, type, help, labels } of ownMetrics()) {
      expect(name).toMatch(/^stoa_[a-z0-9_]+$/)
      expect(help).toMatch(/^[^\n]+\.$/)
      expect(name.endsWith('_total'), name).toBe(type === 'counter')
      for (const label of labels) expect(LABELS, `${name}{${label}}`).toContain(label)
    }
  })
})

test(
  'a process that was told to stop says that it drains, and is never called ready after that',
  async () => {
    const stoa = await stage.start({ hasOffice: true, threads: 1 })
    await vi.waitFor(
      async () => expect((await healthOf(stoa))?.text).toContain('"database":{"status":"ok"'),
      PATIENCE,
    )
    const stopped = stoa.stop()
    const answers: string[] = []
    // Until the port is closed: then there is nobody left to say anything.
    for (let answer = await healthOf(stoa); answer !== undefined; answer = await healthOf(stoa)) {
      answers.push(`${answer.status} ${/"status":"(\w+)"/.exec(answer.text)?.[1] ?? ''}`)
    }
    expect((await stopped).code).toBe(0)
    const drained = answers.indexOf('503 draining')
    expect(drained).toBeGreaterThanOrEqual(0)
    expect(answers.slice(drained).filter((answer) => !answer.startsWith('503'))).toEqual([])
  },
  SLOW_MS,
)

/** Each with a bounded number of values, none of them from a client. */
const LABELS =
  'asset by cache change channel code component direction kind known list mirror offence peer phase policy pool queue rail reason result state status thread tier verb verdict'.split(
    ' ',
  )

test('every alert says how bad it is and what has happened', () => {
  const rules = alerts.split(/^ {6}- alert: /m).slice(1)
  expect(rules.length).toBeGreaterThan(10)
  for (const rule of rules) {
    expect(rule).toMatch(/^ +labels: \{ severity: (page|ticket) \}$/m)
    expect(rule).toMatch(/^ +summary: \S/m)
  }
})

test('what the compose file mounts into Prometheus and Grafana is there', () => {
  const mounted = [...compose.matchAll(/- (\.\.?\/[^:]+):/g)].map(([, path = '']) => path)
  expect(mounted).toContain('../grafana/stoa.json')
  for (const path of mounted) expect(existsSync(join(DEPLOY, 'compose', path)), path).toBe(true)
})

describe('the compose file', () => {
  const common = settingsIn(compose.slice(0, compose.indexOf('services:')))

  test.each(['relay', 'jobs', 'collector'])(
    'service %s starts with a configuration that is whole',
    (service) => {
      const block = new RegExp(`^  ${service}:\\n(?:    .*\\n)+`, 'm').exec(compose)?.[0] ?? ''
      const env = { ...common, ...settingsIn(block), ...settingsIn(dockerfile) }
      expect(Object.keys(env).length).toBeGreaterThan(6)
      expect(() => loadConfig({ env, cwd: '/nowhere/without/a/file' })).not.toThrow()
    },
  )
})

test('the unit starts the program by the command that the package has, and stops after it gives up by itself', () => {
  const { scripts } = JSON.parse(readFileSync(join(DEPLOY, '../package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  for (const text of [unit, collectorUnit]) {
    expect(text).toContain('ExecStart=/usr/bin/npm start --silent -- ')
    expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(text)?.[1])).toBeGreaterThan(30)
  }
  expect(scripts.start).toBe('node bin/stoa.js start')
})

/** `STOA_A__B: value` and `STOA_A__B=value`, with something in place of what comes from outside. */
function settingsIn(text: string): Record<string, string> {
  const found = text.matchAll(/(STOA_[A-Z_]+)[:=] ?([^\s]+)/g)
  return Object.fromEntries([...found].map(([, name = '', value = '']) => [name, withValues(value)]))
}

/** What stands behind `:-` is what is taken where nothing is given. */
function withValues(text: string): string {
  return text.replaceAll(
    /\$\{[^}]+?(?::-([^}]*))?\}/g,
    (_whole, otherwise: string | undefined) => otherwise ?? 'x',
  )
}

/** Most tests have it off. */
const WATCHING = { STOA_OBSERVATORY__WATCH: 'own' }

/** Names of series that a program with every role shows when all of it has come up. */
async function metricsOf(threads: number): Promise<ReadonlySet<string>> {
  const stoa = await stage.start({ hasOffice: true, threads, env: WATCHING })
  return vi.waitFor(async () => {
    const text = await (await fetch(stoa.httpUrl('/metrics'))).text()
    const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type = '']) =>
      seriesOf({ name, type }),
    )
    expect(names).toContain('stoa_backup_last_seconds')
    return new Set(names)
  }, PATIENCE)
}

/** A histogram has three and none of its own name. */
function seriesOf({ name, type }: { readonly name: string; readonly type: string }): readonly string[] {
  return type === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name]
}

/** Undefined when nobody takes the connection. */
async function healthOf(
  stoa: StoaProcess,
): Promise<{ readonly status: number; readonly text: string } | undefined> {
  try {
    const response = await fetch(stoa.httpUrl('/health'))
    return { status: response.status, text: await response.text() }
  } catch {
    return undefined
  }
}

/** Every member `expr` of an object and of what is in it. */
function expressionsIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'expr' && typeof inner === 'string' ? [inner] : expressionsIn(inner),
  )
}

/** What stands in PromQL where a metric may stand: a word that is followed by neither `(` nor `=`, and is no keyword. */
function namesIn(promql: string): readonly string[] {
  const bare = promql
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\bby \([^)]*\)/g, '')
  const words = bare.match(/\b[a-z_][a-z0-9_]*\b(?! *\()/g) ?? []
  return [...new Set(words)].filter((word) => !['or', 'and', 'by', 'expr', 'le'].includes(word))
}
