/** The door of RFC-0038: both of its halves as functions, and the rail that drives an engine of somebody else's. */
export { type AccountingApiDeps, createAccountingApi } from './accounting-api.ts'
export { createEngineApi, type EngineApi, type EngineApiDeps } from './engine-api.ts'
export { createExternalRail, type ExternalRail, type ExternalRailOptions } from './external-rail.ts'
export type { ApiAnswer, ApiRequest } from './requests.ts'
