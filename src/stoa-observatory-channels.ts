/** Where the processes and threads of one observatory find what others say. Apart, so that who listens need not load who speaks. */
import type { Range } from './observatory/index.ts'

/** Said when an operator has added or refused a relay. */
export const RELAYS_CHANNEL = 'observatory.relays'
/** Said when the figures at `figuresKey` are new. */
export const FIGURES_CHANNEL = 'observatory.figures'
/** The names are those of document 001. */
export const figuresKey = (range: Range): string => `stats:${range}`
