/** The door of BTP (RFC-0023): links to peers over WebSocket, from both sides. */
export type { Credentials } from './auth.ts'
export { parseBtpUrl } from './btp-url.ts'
export { type ConnectBtpOptions, connectBtp } from './client.ts'
export { type BtpLimits, DEFAULT_BTP_LIMITS } from './limits.ts'
export { BTP_PATH, type BtpServer, type BtpServerDeps, createBtpServer } from './server.ts'
