import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type TestMesh, testMesh } from './testing/test-mesh.ts'

interface Plan {
  /** The parent of each node, one of those before it; none for a root. */
  readonly parents: readonly (number | undefined)[]
  readonly carriesPeerToPeer: boolean
  /** Links between peers that are made, or cut when they are there; and how long until the next. */
  readonly toggles: readonly { readonly a: number; readonly b: number; readonly thenMs: number }[]
}

const NODES = { min: 5, max: 10 }
/** Longer than neighbours take to ask again, and to be told again, after a loss. */
const SETTLED_MS = 90_000

function planOf({ hasChildren }: { hasChildren: boolean }): fc.Arbitrary<Plan> {
  return fc.integer(NODES).chain((count) =>
    fc.record({
      parents: fc.tuple(
        ...Array.from({ length: count }, (_, node) =>
          node === 0 || !hasChildren
            ? fc.constant(undefined)
            : fc.option(fc.nat(node - 1), { nil: undefined, freq: 2 }),
        ),
      ),
      carriesPeerToPeer: fc.boolean(),
      toggles: fc.array(
        fc.record({
          a: fc.nat(count - 1),
          b: fc.nat(count - 1),
          thenMs: fc.constantFrom(0, 250, 1_000, 20_000),
        }),
        { minLength: count, maxLength: 4 * count },
      ),
    }),
  )
}

interface World {
  readonly mesh: TestMesh
  readonly plan: Plan
  readonly peered: ReadonlySet<string>
}

/** Lets the plan happen, and what follows of it. */
async function happen(plan: Plan, lostAt: readonly number[]): Promise<World> {
  let packets = 0
  let isCalm = false
  const lost = new Set(lostAt)
  const mesh = testMesh({
    carriesPeerToPeer: plan.carriesPeerToPeer,
    isLost: () => !isCalm && lost.has(packets++ % LOSS_PERIOD),
  })
  plan.parents.forEach((parent, index) => {
    const id = idOf(index)
    mesh.add(id, parent === undefined ? `g.${id}` : `${mesh.node(idOf(parent)).address}.${id}`)
    if (parent !== undefined) mesh.link(idOf(parent), id, 'child')
  })
  const peered = new Set<string>()
  for (const { a, b, thenMs } of plan.toggles) {
    if (a === b || plan.parents[a] === b || plan.parents[b] === a) continue
    const [low, high] = [Math.min(a, b), Math.max(a, b)]
    const link = `${low}-${high}`
    if (peered.delete(link)) mesh.cut(idOf(low), idOf(high))
    else {
      peered.add(link)
      mesh.link(idOf(low), idOf(high), 'peer')
    }
    await mesh.pass(thenMs)
  }
  isCalm = true
  await mesh.pass(SETTLED_MS)
  return { mesh, plan, peered }
}

const LOSS_PERIOD = 10

function idOf(index: number): string {
  return `n${index}`
}

/**
 * The least number of hops from one node to every other that may carry its packets: up to parents, then over one peer (or
 * several, when peers carry for peers), then down to children.
 */
function distances({ plan, peered }: World, from: number): ReadonlyMap<number, number> {
  const found = new Map<number, number>()
  const seen = new Set<string>()
  let front: { readonly node: number; readonly phase: 'up' | 'across' | 'down' }[] = [
    { node: from, phase: 'up' },
  ]
  for (let hops = 0; front.length > 0; hops++) {
    const next: typeof front = []
    for (const { node, phase } of front) {
      if (seen.has(`${node} ${phase}`)) continue
      seen.add(`${node} ${phase}`)
      if (!found.has(node)) found.set(node, hops)
      const parent = plan.parents[node]
      if (phase === 'up' && parent !== undefined) next.push({ node: parent, phase: 'up' })
      plan.parents.forEach((_, other) => {
        const isPeer = peered.has(`${Math.min(node, other)}-${Math.max(node, other)}`)
        const mayCross = phase === 'up' || (phase === 'across' && plan.carriesPeerToPeer)
        if (isPeer && mayCross) next.push({ node: other, phase: 'across' })
        if (plan.parents[other] === node) next.push({ node: other, phase: 'down' })
      })
    }
    front = next
  }
  return found
}

/** Every packet arrives where it may arrive, and passes no node twice wherever it goes. */
function expectRightPaths(world: World): void {
  const { mesh, plan } = world
  plan.parents.forEach((_, from) => {
    const reachable = distances(world, from)
    plan.parents.forEach((__, to) => {
      const destination = `${mesh.node(idOf(to)).address}.receiver`
      const passed = mesh.trace(idOf(from), destination)
      const end = reachable.has(to) ? idOf(to) : undefined
      expect({ from, to, passed, end: passed.at(-1), isLoop: new Set(passed).size < passed.length }).toEqual({
        from,
        to,
        passed,
        end,
        isLoop: false,
      })
    })
  })
}

test('after any changes of links between parents, children and peers every packet takes a way that it may take, without loops', async () => {
  await fc.assert(
    fc.asyncProperty(planOf({ hasChildren: true }), async (plan) => expectRightPaths(await happen(plan, []))),
    { numRuns: 60 },
  )
})

test('whatever packets get lost meanwhile, the routes are right in the end', async () => {
  const lostAt = fc.uniqueArray(fc.nat(LOSS_PERIOD - 1), { minLength: 1, maxLength: 7 })
  await fc.assert(
    fc.asyncProperty(planOf({ hasChildren: true }), lostAt, async (plan, lost) =>
      expectRightPaths(await happen(plan, lost)),
    ),
    { numRuns: 60 },
  )
})

test('among peers that carry for each other every packet takes a shortest way', async () => {
  await fc.assert(
    fc.asyncProperty(planOf({ hasChildren: false }), async (plan) => {
      const world = await happen({ ...plan, carriesPeerToPeer: true }, [])
      expectRightPaths(world)
      plan.parents.forEach((_, from) => {
        for (const [to, hops] of distances(world, from)) {
          expect(world.mesh.trace(idOf(from), `g.${idOf(to)}`)).toHaveLength(hops + 1)
        }
      })
    }),
    { numRuns: 40 },
  )
})
