/** Where the visitor is: the address bar as signals, and how to go elsewhere without loading the page anew. */
import { computed, signal } from '@preact/signals'
import { readRange } from '../api/ranges.ts'
import { type Place, readPlace } from './place.ts'

const address = signal(new URL(location.href))

export const query = computed(() => address.value.searchParams)
export const range = computed(() => readRange(query.value.get('range')))
const path = computed(() => address.value.pathname)
export const place = computed<Place>(() => readPlace(path.value))

/** This address with other parameters; an empty one is left out. */
export function withQuery(changes: Readonly<Record<string, string>>, from: URL = address.value): string {
  const next = new URL(from)
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') next.searchParams.delete(name)
    else next.searchParams.set(name, value)
  }
  return next.pathname + next.search
}

/** The address of the front page in the range that is being looked at. */
export function frontHref(): string {
  return withRange('/')
}

export function relayHref(url: string): string {
  return withRange(`/relays/${encodeURIComponent(url)}`)
}

function withRange(pathname: string): string {
  return range.value === '24h' ? pathname : `${pathname}?range=${range.value}`
}

/** Changes parameters in place: filters and orders are no places to come back to one by one. */
export function replaceQuery(changes: Readonly<Record<string, string>>): void {
  history.replaceState(history.state, '', withQuery(changes))
  address.value = new URL(location.href)
}

function go(href: string): void {
  const before = path.value
  history.pushState(undefined, '', href)
  address.value = new URL(location.href)
  if (path.value === before) return
  scrollTo(0, 0)
  announcePlace()
}

/** Who listens to the page or goes by keyboard starts at the top of the new one. */
function announcePlace(): void {
  queueMicrotask(() =>
    requestAnimationFrame(() => document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true })),
  )
}

/** Takes over plain clicks on links within the page. Returns how to stop. */
export function startNavigation(): () => void {
  const stopped = new AbortController()
  const { signal } = stopped
  addEventListener('popstate', () => (address.value = new URL(location.href)), { signal })
  document.addEventListener('click', (event) => followLink(event), { signal })
  return () => stopped.abort()
}

function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (link === null || link.origin !== location.origin || link.target !== '' || link.hasAttribute('download'))
    return
  const isOurs = link.pathname === '/' || link.pathname.startsWith('/relays/')
  const isJump = link.hash !== '' && link.pathname === location.pathname
  if (!isOurs || isJump) return
  event.preventDefault()
  go(link.pathname + link.search)
}
