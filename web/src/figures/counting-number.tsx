import { useLayoutEffect, useRef } from 'preact/hooks'

interface CountingNumberProps {
  readonly value: number
  readonly format: (value: number) => string
}

const COUNTING_MS = 700

/** A number that walks to its next value instead of jumping, unless less motion is wanted. The text is always the true one in the end. */
export function CountingNumber({ value, format }: CountingNumberProps) {
  const place = useRef<HTMLSpanElement>(null)
  const shown = useRef<number>(undefined)
  useLayoutEffect(() => {
    const element = place.current
    if (element === null) return
    const from = shown.current
    const isStill =
      from === undefined || from === value || matchMedia('(prefers-reduced-motion: reduce)').matches
    if (isStill) {
      shown.current = value
      element.textContent = format(value)
      return
    }
    element.animate([{ color: 'var(--accent)' }, {}], { duration: 2 * COUNTING_MS, easing: 'ease-out' })
    return walk(from, value, (at) => {
      shown.current = at
      element.textContent = format(at)
    })
  }, [value, format])
  return <span ref={place} class="counting" />
}

/** Returns how to stop. */
function walk(from: number, to: number, show: (value: number) => void): () => void {
  const startedMs = performance.now()
  let frame = requestAnimationFrame(function step(nowMs) {
    const share = Math.min(1, Math.max(0, (nowMs - startedMs) / COUNTING_MS))
    const eased = 1 - (1 - share) ** 3
    show(share === 1 ? to : Math.round(from + (to - from) * eased))
    if (share < 1) frame = requestAnimationFrame(step)
  })
  return () => cancelAnimationFrame(frame)
}
