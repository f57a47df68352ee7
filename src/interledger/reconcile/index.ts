/** The door of reconciliation: what became of packets that a crash or a broken link left open. */
export { MAX_PAGE, RECONCILE_PROTOCOL } from './messages.ts'
export { createReconciler, type Reconciler, type ReconcilerDeps } from './reconciler.ts'
