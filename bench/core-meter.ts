import { readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

/**
 * Seconds since the start of the system that this core was not idle, time that a hypervisor took from it included;
 * undefined without Linux's /proc/stat. Counted in ticks of 10 ms.
 */
export function busyCoreSeconds(core: number): number | undefined {
  const line = new RegExp(`^cpu${core} (.+)$`, 'm').exec(readStat())?.[1]
  if (line === undefined) return undefined
  const [user = 0, nice = 0, system = 0, _idle, _waiting, interrupts = 0, softInterrupts = 0, stolen = 0] =
    line.split(' ').map(Number)
  return (user + nice + system + interrupts + softInterrupts + stolen) / TICKS_PER_SECOND
}

function readStat(): string {
  try {
    return readFileSync('/proc/stat', 'latin1')
  } catch {
    return ''
  }
}
