import { foreignText } from './foreign-text.ts'

interface ForeignProps {
  readonly text: string
  /** Characters that are shown. */
  readonly most?: number
}

/** What strangers wrote: text and nothing else, in a direction of its own. */
export function Foreign({ text, most }: ForeignProps) {
  return <bdi>{foreignText(text, most)}</bdi>
}
