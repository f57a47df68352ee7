import type { Config } from './config/index.ts'
import { RefusedError } from './kernel/index.ts'

/** What is answered where there is no observatory. @throws RefusedError always. */
export function noObservatory({ observatory, process }: Config): never {
  const why =
    observatory.watch === 'off'
      ? 'the observatory is switched off: observatory.watch = "off"'
      : `the observatory is not a part of this process (process.roles: ${process.roles.join(', ')}): ask one with the role api or collector`
  throw new RefusedError({ code: 'UNAVAILABLE', text: why })
}
