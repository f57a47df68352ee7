/** What went wrong, and what to do: there is always something, be it to wait. */
import type { Failure } from '../api/failure.ts'
import { localNowMs } from '../api/server-clock.ts'
import { countdown } from '../figures/format.ts'

interface FailureNoticeProps {
  readonly failure: Failure
  readonly onRetry: () => void
}

export function FailureNotice({ failure, onRetry }: FailureNoticeProps) {
  const { title, advice } = wordsOf(failure)
  const isWaiting = failure.kind === 'limited' || failure.kind === 'not-ready'
  return (
    <div class={`notice is-${failure.kind}`} role="alert">
      <p class="notice__title">{title}</p>
      <p>
        {advice}
        {isWaiting && <WaitLeft untilMs={failure.retryAtMs} />}
      </p>
      {failure.kind !== 'not-found' && failure.kind !== 'limited' && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  )
}

/** Not read aloud each second. */
function WaitLeft({ untilMs }: { readonly untilMs: number }) {
  return (
    <span aria-hidden="true" class="notice__wait">
      {' '}
      {countdown(untilMs - localNowMs())}
    </span>
  )
}

function wordsOf(failure: Failure): { readonly title: string; readonly advice: string } {
  if (failure.kind === 'offline') {
    return {
      title: 'The server cannot be reached',
      advice:
        'Look at your connection. Figures that are shown are the last ones that came; the page goes on by itself.',
    }
  }
  if (failure.kind === 'limited') {
    return {
      title: 'Too many questions from your address',
      advice:
        'What is free for one address is used up for the moment. Leave the page open: it goes on by itself in',
    }
  }
  if (failure.kind === 'not-ready') {
    return {
      title: 'The observatory is not ready yet',
      advice: 'It is starting, or its database is. It is asked again in',
    }
  }
  if (failure.kind === 'not-found') return { title: 'Not found', advice: failure.message }
  return {
    title: 'The server could not answer',
    advice: `${failure.message} It is asked again every few seconds; if that lasts, its operator finds the cause in its log.`,
  }
}
