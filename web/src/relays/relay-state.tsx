import { stateWords } from './relay-names.ts'

export function RelayState({ state }: { readonly state: string }) {
  const { word, means } = stateWords(state)
  return (
    <span class={`state is-${state}`} title={means}>
      {word}
    </span>
  )
}
