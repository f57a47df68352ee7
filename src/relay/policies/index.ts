export { refuseUnauthenticated } from './authentication.ts'
export type { OutsideStats, PolicyDeps, PolicyNotice, Verdict, WriteContext } from './policy.ts'
export { createReadPolicies, type ReadPolicies } from './read-policies/read-policies.ts'
export type { ReadContext } from './read-policies/read-policy.ts'
export {
  createWritePolicies,
  type PolicyCount,
  type PolicyState,
  type WritePolicies,
} from './write-policies.ts'
