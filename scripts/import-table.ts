/**
 * Who may import whom. `test/tidy.test.ts` holds the source to this table, and `ARCHITECTURE.md` prints it
 * (`npm run generate`). A part is a folder of `src/`; files directly in `src/` are the composition root.
 */
import { posix } from 'node:path'

interface Part {
  readonly is: string
  readonly mayImport: readonly string[]
}

export const PARTS: Readonly<Record<string, Part>> = {
  kernel: { is: 'words everybody shares; no I/O', mayImport: [] },
  nostr: { is: 'the protocol, pure; no I/O', mayImport: ['kernel'] },
  spam: { is: 'how likely a text is spam, learnt', mayImport: ['kernel'] },
  config: { is: 'settings', mayImport: ['kernel'] },
  platform: { is: 'log, metrics, HTTP', mayImport: ['kernel'] },
  signer: { is: 'keys, and who signs with them', mayImport: ['kernel'] },
  events: { is: 'the event store port, its rules, its engines', mayImport: ['nostr', 'kernel'] },
  audit: { is: 'what people with power did, in a chain', mayImport: ['platform', 'nostr', 'kernel'] },
  accounts: {
    is: 'who people are, and who belongs here',
    mayImport: ['audit', 'signer', 'platform', 'nostr', 'kernel'],
  },
  ledger: { is: 'double entry: accounts, transfers, reservations', mayImport: ['platform', 'kernel'] },
  interledger: {
    is: 'packets that carry money: peers, routes, STREAM',
    mayImport: ['ledger', 'platform', 'kernel'],
  },
  settlement: {
    is: 'debts paid: rails, channels, claims',
    mayImport: ['interledger', 'ledger', 'platform', 'kernel'],
  },
  observatory: {
    is: 'what Nostr is doing, over all relays',
    mayImport: ['spam', 'ledger', 'platform', 'nostr', 'kernel'],
  },
  retention: {
    is: 'what is removed by age, count and size',
    mayImport: ['events', 'platform', 'nostr', 'kernel'],
  },
  relay: {
    is: 'connections, subscriptions, policies',
    mayImport: ['retention', 'events', 'platform', 'spam', 'nostr', 'kernel'],
  },
  moderation: {
    is: 'what people decide about the relay',
    mayImport: ['relay', 'events', 'audit', 'platform', 'nostr', 'kernel'],
  },
  backup: { is: 'copies of everything, and back', mayImport: ['events', 'platform', 'nostr', 'kernel'] },
  mirrors: {
    is: 'following and feeding other relays',
    mayImport: ['relay', 'events', 'platform', 'nostr', 'kernel'],
  },
  console: {
    is: "the operator's API: HTTP, NIP-86, the socket for stoa admin",
    mayImport: ['interledger', 'ledger', 'relay', 'audit', 'platform', 'nostr', 'kernel'],
  },
  cli: {
    is: 'the commands',
    mayImport: [
      'config',
      'console',
      'mirrors',
      'events',
      'retention',
      'backup',
      'platform',
      'nostr',
      'kernel',
    ],
  },
}

/** The composition root: it knows every part, and nothing but `main.ts` knows it. */
export const ROOT = 'stoa'

/** Implementations of a port. Only the composition root chooses among them. */
export const ADAPTERS: readonly string[] = [
  'events/log',
  'events/memory',
  'events/postgres',
  'settlement/stub',
]

export interface Source {
  /** From the root of the repository: `src/relay/index.ts`. */
  readonly path: string
  readonly text: string
}

export interface Violation {
  readonly path: string
  readonly imports: string
  readonly rule: string
}

interface Import {
  readonly from: string
  readonly to: string
}

/** Everything in these sources that the table does not allow. */
export function findViolations(sources: readonly Source[]): readonly Violation[] {
  const imports = sources.flatMap(importsOf)
  const broken = imports.flatMap(({ from, to }) => {
    const rule = brokenRule(from, to)
    return rule === undefined ? [] : [{ path: from, imports: to, rule }]
  })
  return [...broken, ...cycleViolations(imports)]
}

/** The relative imports of a file, static and dynamic, of types too. What stands in a comment does not count. */
export function importsOf({ path, text }: Source): readonly Import[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const specifiers = [...code.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].flatMap(
    ([, found]) => found ?? [],
  )
  return specifiers.map((specifier) => ({ from: path, to: posix.join(posix.dirname(path), specifier) }))
}

function brokenRule(from: string, to: string): string | undefined {
  const there = partOf(to)
  if (there === undefined || there === partOf(from)) return brokenAdapterRule(from, to)
  if (!isDoor(to) && !isBench(from)) return 'a part is entered by an index.ts of its own'
  if (!from.startsWith('src/') || isForTests(from)) return undefined
  return brokenTableRule(partOf(from), there) ?? brokenAdapterRule(from, to)
}

function brokenTableRule(here: string | undefined, there: string): string | undefined {
  if (here === undefined || here === ROOT) return undefined
  const part = PARTS[here]
  if (part === undefined) return `src/${here} is not in the table (scripts/import-table.ts)`
  return part.mayImport.includes(there) ? undefined : `${here} may not import ${there}`
}

function brokenAdapterRule(from: string, to: string): string | undefined {
  const adapter = ADAPTERS.find((folder) => to.startsWith(`src/${folder}/`))
  const mayKnow = adapter === undefined || from.startsWith(`src/${adapter}/`) || partOf(from) === ROOT
  if (mayKnow || isForTests(from)) return undefined
  return `the adapter ${adapter} is chosen by the composition root alone`
}

/** `relay` for `src/relay/policies/kinds.ts`, `stoa` for `src/stoa.ts`; undefined outside of `src`. */
function partOf(path: string): string | undefined {
  const [top, folder, rest] = path.split('/')
  if (top !== 'src' || folder === undefined) return undefined
  return rest === undefined ? ROOT : folder
}

function isDoor(path: string): boolean {
  return path.endsWith('/index.ts') || partOf(path) === ROOT
}

/** A bench measures one mechanism, which may well be inside a part. */
function isBench(path: string): boolean {
  return path.startsWith('bench/')
}

/** Tests and what only tests use may reach any part, but by its door like everybody. */
function isForTests(path: string): boolean {
  return !path.startsWith('src/') || /\.test\.ts$|\/testing\/|\/contract(\.ts$|\/)/.test(path)
}

function cycleViolations(imports: readonly Import[]): readonly Violation[] {
  const graph = new Map<string, Set<string>>()
  for (const { from, to } of imports) {
    const here = partOf(from)
    const there = partOf(to)
    if (here === undefined || there === undefined || here === there || isForTests(from)) continue
    // main.ts stands in the same place as the root, and is what starts it.
    if (here === ROOT || there === ROOT) continue
    graph.set(here, (graph.get(here) ?? new Set()).add(there))
  }
  const cycle = findCycle(graph)
  if (cycle === undefined) return []
  return [
    {
      path: `src/${cycle[0]}`,
      imports: cycle.join(' → '),
      rule: 'folders do not import each other in a circle',
    },
  ]
}

function findCycle(graph: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] | undefined {
  const cleared = new Set<string>()
  const walk = (part: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(part)) return [...path.slice(path.indexOf(part)), part]
    if (cleared.has(part)) return undefined
    for (const next of graph.get(part) ?? []) {
      const cycle = walk(next, [...path, part])
      if (cycle !== undefined) return cycle
    }
    cleared.add(part)
    return undefined
  }
  for (const part of graph.keys()) {
    const cycle = walk(part, [])
    if (cycle !== undefined) return cycle
  }
  return undefined
}

/** The table as Markdown: a row imports, a column is imported. */
export function importTableMarkdown(): string {
  const names = Object.keys(PARTS)
  const rows = Object.entries(PARTS).map(([name, { is, mayImport }]) => {
    const cells = names.map((other) => (other === name ? '·' : mayImport.includes(other) ? 'yes' : ''))
    return `| \`${name}\`: ${is} | ${cells.join(' | ')} |`
  })
  return [
    `| may import → | ${names.map((name) => `\`${name}\``).join(' | ')} |`,
    `|---|${names.map(() => '---|').join('')}`,
    ...rows,
    '',
    'Files directly in `src/` (`stoa.ts`, `main.ts`) are the composition root: they may import every part, and no part',
    `imports them. A part is entered by an \`index.ts\`. The adapters (${ADAPTERS.map((name) => `\`${name}\``).join(', ')}) are`,
    'imported by the composition root alone. Tests may use any part by its door, benches whatever they measure. Folders never import each other in a circle.',
  ].join('\n')
}
