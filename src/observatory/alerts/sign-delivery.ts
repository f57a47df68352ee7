import { createHmac, randomBytes } from 'node:crypto'

const SECRET_BYTES = 32

/** What a webhook's owner checks signatures with; shown once. */
export function randomWebhookSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64url')}`
}

/** `t=<seconds>,v1=<hex>`: HMAC-SHA256 of `<seconds>.<body>` by the text of the secret. */
export function signDelivery(body: string, secret: string, nowSeconds: number): string {
  const mac = createHmac('sha256', secret).update(`${nowSeconds}.${body}`).digest('hex')
  return `t=${nowSeconds},v1=${mac}`
}
