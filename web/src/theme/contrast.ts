/** Colours that others choose must still be readable here (WCAG 2.2, 1.4.3). */

export type Rgb = readonly [red: number, green: number, blue: number]

/** Of text against its background. */
const LEAST_CONTRAST = 4.5
const STEPS = 20

/** `#rgb` or `#rrggbb`; undefined for anything else. */
export function readHex(text: string): Rgb | undefined {
  const [, digits = ''] = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(text.trim()) ?? []
  const long = digits.length === 3 ? digits.replaceAll(/./g, '$&$&') : digits
  const [red, green, blue] = (long.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16))
  return red === undefined || green === undefined || blue === undefined ? undefined : [red, green, blue]
}

export function contrast(a: Rgb, b: Rgb): number {
  const [lighter, darker] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number]
  return (lighter + 0.05) / (darker + 0.05)
}

/** The colour itself, or as little nearer to `ink` as makes it readable on `paper`. */
export function readableOn(colour: Rgb, paper: Rgb, ink: Rgb): Rgb {
  for (let step = 0; step < STEPS; step++) {
    const mixed = mix(colour, ink, step / STEPS)
    if (contrast(mixed, paper) >= LEAST_CONTRAST) return mixed
  }
  return ink
}

export function cssColour([red, green, blue]: Rgb): string {
  return `rgb(${red} ${green} ${blue})`
}

function mix(a: Rgb, b: Rgb, share: number): Rgb {
  const part = (index: 0 | 1 | 2) => Math.round(a[index] + (b[index] - a[index]) * share)
  return [part(0), part(1), part(2)]
}

function luminance([red, green, blue]: Rgb): number {
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

function linear(channel: number): number {
  const share = channel / 255
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
}
