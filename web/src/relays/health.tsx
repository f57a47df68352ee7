/** A score of 0 to 100 as a number and as a length: never as a colour alone. */
export function Health({ score }: { readonly score: number | null }) {
  if (score === null) return <span class="absent">–</span>
  const grade = score >= 80 ? 'good' : score >= 50 ? 'fair' : 'poor'
  return (
    <span class={`health is-${grade}`}>
      {Math.round(score)}
      <span class="health__bar" aria-hidden="true">
        <span style={{ inlineSize: `${Math.max(0, Math.min(100, score))}%` }} />
      </span>
    </span>
  )
}
