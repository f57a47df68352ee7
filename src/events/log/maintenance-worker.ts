/** The thread that seals and compacts, so that the store thread need not stop for it. One task, then it ends. */
import { parentPort, workerData } from 'node:worker_threads'
import { type MaintenanceTask, runMaintenance } from './maintenance-tasks.ts'

// The store hands in a MaintenanceTask and nothing else starts this file.
parentPort?.postMessage(runMaintenance(workerData as MaintenanceTask))
