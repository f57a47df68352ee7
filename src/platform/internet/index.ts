/** The door of the internet: which addresses are of it, and look-ups that lead to no other. */
export {
  createNameResolver,
  guardedLookup,
  REFUSED_ADDRESS_CODE,
  type ResolveName,
  systemNames,
} from './guarded-lookup.ts'
export { isPublicAddress } from './public-address.ts'
