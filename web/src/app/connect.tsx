import { CopyText } from './copy-text.tsx'

/** The relay is where this page is: the same host, the same port. */
export function relayAddress({ protocol, host }: Pick<Location, 'protocol' | 'host'>): string {
  return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}`
}

export function Connect() {
  return (
    <div class="connect">
      <p class="connect__label" id="connect-label">
        This is also a relay. Add it to your client:
      </p>
      <CopyText text={relayAddress(location)} label="Copy the address of this relay" />
    </div>
  )
}
