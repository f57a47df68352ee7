/** Name and looks that the operator has configured. What was last seen of them is put on before the answer is there. */
import { effect, signal } from '@preact/signals'
import type { BrandBody } from '../api/bodies.ts'
import { get } from '../api/get.ts'
import { cssColour, type Rgb, readableOn, readHex } from './contrast.ts'
import { type Theme, theme } from './theme.ts'

const KEY = 'stoa.brand'
const PLAIN: BrandBody = {
  name: 'Stoa',
  tagline: '',
  accent: '',
  accent_dark: '',
  logo: '',
  domain: '',
  watch: 'network',
}

/** As `colours.css` has them. */
const PAPER: Readonly<Record<Theme, Rgb>> = { light: [250, 248, 243], dark: [22, 23, 26] }
const INK: Readonly<Record<Theme, Rgb>> = { light: [34, 32, 28], dark: [236, 232, 223] }

export const brand = signal<BrandBody>(remembered() ?? PLAIN)

/** Are other relays than this one watched? */
export function isNetwork(): boolean {
  return brand.value.watch === 'network'
}

/** Asks for the brand and wears it. Returns how to stop. */
export function startBrand(): () => void {
  void get<BrandBody>('/brand').then((answer) => {
    if (!answer.ok) return
    brand.value = { ...PLAIN, ...answer.value }
    remember(brand.value)
  })
  return effect(() => wear(brand.value, theme.value))
}

/** A path of this server, or an image in the text itself: the page asks nobody else. */
export function logoOf({ logo }: BrandBody): string | undefined {
  const isOwn = logo.startsWith('/') && !logo.startsWith('//')
  return isOwn || logo.startsWith('data:image/') ? logo : undefined
}

function wear({ accent, accent_dark }: BrandBody, worn: Theme): void {
  const { style } = document.documentElement
  const colour = resolved(worn === 'dark' && accent_dark !== '' ? accent_dark : accent)
  if (colour === undefined) style.removeProperty('--accent')
  else style.setProperty('--accent', cssColour(readableOn(colour, PAPER[worn], INK[worn])))
}

/** Any CSS colour; a canvas knows all their names. */
function resolved(colour: string): Rgb | undefined {
  if (colour === '' || !CSS.supports('color', colour)) return undefined
  const context = document.createElement('canvas').getContext('2d')
  if (context === null) return undefined
  context.fillStyle = colour
  return readHex(context.fillStyle)
}

function remembered(): BrandBody | undefined {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null')
    return typeof stored === 'object' && stored !== null ? { ...PLAIN, ...stored } : undefined
  } catch {
    return undefined
  }
}

function remember(worn: BrandBody): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(worn))
  } catch {
    // Storage is closed to us, or the logo is larger than it: the next visit asks again.
  }
}
