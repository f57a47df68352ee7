/** Colours of the style sheet for a canvas, which knows nothing of style sheets. */

export type Tone =
  | 'events'
  | 'people'
  | 'zaps'
  | 'latency'
  | 'latency-high'
  | 'uptime'
  | 'muted'
  | 'rule'
  | 'zero'

/** As it is in the theme that is worn now: a browser only tells it of an element. */
export function colourOf(tone: Tone): string {
  const probe = document.createElement('span')
  probe.className = `tone-${tone}`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
