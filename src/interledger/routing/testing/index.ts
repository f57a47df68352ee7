/** The door of what tests of neighbours use: the words of the exchange of routes. */
export { type CcpUpdate, encodeCcpControl, encodeCcpUpdate, NO_TABLE } from '../ccp-packet.ts'
export { routeTo } from './test-exchange.ts'
