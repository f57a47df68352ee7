import { hash } from 'node:crypto'

/** Does the fulfilment hash to the condition (RFC-0027)? */
export function isFulfilledBy(
  { executionCondition }: { readonly executionCondition: Buffer },
  fulfillment: Buffer,
): boolean {
  return hash('sha256', fulfillment, 'buffer').equals(executionCondition)
}
