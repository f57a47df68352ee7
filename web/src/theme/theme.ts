/** Dark or light: as the system, until the visitor says otherwise; what was said is remembered (public/theme.js reads it first). */
import { computed, effect, signal } from '@preact/signals'

export type Theme = 'light' | 'dark'

const KEY = 'stoa.theme'
const darkQuery = matchMedia('(prefers-color-scheme: dark)')

const system = signal<Theme>(darkQuery.matches ? 'dark' : 'light')
const chosen = signal<Theme | undefined>(readChosen())
export const theme = computed<Theme>(() => chosen.value ?? system.value)

export function switchTheme(): void {
  const next: Theme = theme.value === 'dark' ? 'light' : 'dark'
  // Who goes back to what the system says follows it again.
  chosen.value = next === system.value ? undefined : next
}

/** Returns how to stop. */
export function startTheme(): () => void {
  const follow = () => (system.value = darkQuery.matches ? 'dark' : 'light')
  darkQuery.addEventListener('change', follow)
  const stopWriting = effect(() => writeChosen(chosen.value))
  return () => {
    darkQuery.removeEventListener('change', follow)
    stopWriting()
  }
}

function readChosen(): Theme | undefined {
  const { theme: said } = document.documentElement.dataset
  return said === 'light' || said === 'dark' ? said : undefined
}

function writeChosen(said: Theme | undefined): void {
  if (said === undefined) delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = said
  try {
    if (said === undefined) localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, said)
  } catch {
    // Storage is closed to us: the choice holds until the page is left.
  }
}
