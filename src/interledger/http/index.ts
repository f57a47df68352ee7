/** The door of ILP-over-HTTP (RFC-0035): links to peers that take and send packets by POST. */
export {
  type Bearer,
  type BearerCheck,
  type BearerCheckDeps,
  createBearerCheck,
  type JwtOptions,
  jwtBearer,
} from './bearer.ts'
export { createHttpLink, type HttpLinkLimits, type HttpLinkOptions } from './http-link.ts'
export { MAX_BODY_BYTES } from './media.ts'
export {
  createHttpReceiver,
  type HttpAnswer,
  type HttpReceiver,
  type HttpReceiverDeps,
  type HttpRequest,
} from './receiver.ts'
