import { Bars } from './bars.tsx'
import { bySize } from './by-share.ts'
import { shareOf } from './format.ts'

const names = new Intl.DisplayNames('en', { type: 'language', fallback: 'code' })

export function Languages({ counts }: { readonly counts: Readonly<Record<string, number>> }) {
  const portions = bySize(counts).filter(({ key }) => key !== '')
  const total = portions.reduce((sum, { count }) => sum + count, 0)
  const bars = portions.map(({ key, count }) => ({
    key,
    name: <span lang="en">{languageName(key)}</span>,
    note: key,
    value: count,
    share: shareOf(count, total),
  }))
  return (
    <Bars
      caption="Notes by language"
      heads={['Language', 'Notes', 'Share']}
      bars={bars}
      tone="people"
      first={8}
    />
  )
}

function languageName(code: string): string {
  return /^[a-z]{2,3}$/.test(code) ? (names.of(code) ?? code) : code
}
