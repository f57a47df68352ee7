export { MIN_FRAME_BYTES as MIN_NEGENTROPY_FRAME_BYTES } from './answer-builder.ts'
export { NegentropyItems, type NegentropySet, negentropySetOf } from './items.ts'
export { NegentropyClient, type NegentropyClientLimits, type NegentropyStep } from './negentropy-client.ts'
export { type NegentropyLimits, reconcile } from './reconcile.ts'
