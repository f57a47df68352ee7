/** The door of the RPC: the server, and the one client for in process and remote. */
export type { RpcDesk } from './builder.ts'
export {
  type ConnectIlpOptions,
  callInProcess,
  connectIlp,
  type IlpClient,
  type InProcessOptions,
  refusalOf,
} from './client.ts'
export type { RpcLimits } from './limits.ts'
export type { IlpRouter } from './router.ts'
export { createRpcServer, RPC_PATH, type RpcServer, type RpcServerDeps } from './server.ts'
export type { ChannelFacts, SettlementDesk, SignedClaim } from './settlement-desk.ts'
export type { RpcToken } from './tokens.ts'
