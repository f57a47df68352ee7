/** For tests that need an operator without a program behind it. */
export { createMemoryAccounts, type MemoryAccounts } from './memory-accounts.ts'
export { API_KEY_ID } from './memory-observatory-desk.ts'
export {
  createMemoryOperator,
  FAILED_JOBS,
  heldEvent,
  type MemoryOperator,
  reportedEvent,
  testConnection,
} from './memory-operator.ts'
export { BASE_URL, startTestConsole, type TestAnswer, type TestConsole } from './test-console.ts'
export { type SignedRequest, type TestKey, testKey } from './test-key.ts'
