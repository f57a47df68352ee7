/** An application request is a form or a small document; events come over the WebSocket. */
export const MAX_BODY_BYTES = 1024 * 1024
