/** Where the processes and threads of one observatory find what others say. Apart, so that who listens need not load who speaks. */
import type { Range } from './observatory/index.ts'

/** Said when an operator has added or refused a relay. */
export const RELAYS_CHANNEL = 'observatory.relays'
/** Said when the figures at `figuresKey` are new. */
export const FIGURES_CHANNEL = 'observatory.figures'
/** The names are those of document 001. */
export const figuresKey = (range: Range): string => `stats:${range}`
/** Said when there is a delivery: the keeper, whichever process it is in, need not wait until it looks by itself. */
export const DELIVERED_CHANNEL = 'observatory.delivered'
