import { Bars } from './bars.tsx'
import { bySize } from './by-share.ts'
import { shareOf } from './format.ts'
import { kindName } from './kind-names.ts'

interface KindsProps {
  readonly counts: Readonly<Record<string, number>>
  readonly total: number
  readonly first?: number
}

export function Kinds({ counts, total, first = 12 }: KindsProps) {
  const bars = bySize(counts).map(({ key, count }) => {
    const name = kindName(Number(key))
    return { key, name, note: name.endsWith(key) ? '' : key, value: count, share: shareOf(count, total) }
  })
  return <Bars caption="Events by kind" heads={['Kind', 'Events', 'Share']} bars={bars} first={first} />
}
