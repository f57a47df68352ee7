import { AppError } from '../kernel/index.ts'

const OLDEST_NODE = 24

/** @throws AppError NODE_TOO_OLD with what to do about it. */
export function requireNode(version: string = process.versions.node): void {
  if (isNodeNewEnough(version)) return
  throw new AppError(
    'NODE_TOO_OLD',
    `Stoa needs Node ${OLDEST_NODE} or newer, this is ${version}: use npm start, or bin/stoa.js.`,
  )
}

export function isNodeNewEnough(version: string): boolean {
  return Number(version.split('.')[0]) >= OLDEST_NODE
}
