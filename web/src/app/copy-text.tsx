import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'

interface CopyTextProps {
  readonly text: string
  readonly label: string
}

const SHOWN_MS = 2500

/** A text to take along. Without a secure connection browsers have no clipboard: then it is selected, to be copied by hand. */
export function CopyText({ text, label }: CopyTextProps) {
  const said = useSignal('')
  const place = useRef<HTMLElement>(null)
  const copy = async () => {
    said.value = (await written(text)) ? 'Copied' : 'Selected: copy it now'
    if (said.value !== 'Copied' && place.current !== null) getSelection()?.selectAllChildren(place.current)
    setTimeout(() => (said.value = ''), SHOWN_MS)
  }
  return (
    <span class="copy">
      <code ref={place}>{text}</code>
      <button type="button" onClick={() => void copy()} aria-label={label}>
        {said.value === '' ? 'Copy' : said.value}
      </button>
      <span class="visually-hidden" role="status">
        {said.value}
      </span>
    </span>
  )
}

async function written(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}
