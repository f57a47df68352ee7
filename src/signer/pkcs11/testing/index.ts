/** What tests outside of the signer use: tokens of SoftHSM2. */
export { findSoftHsm, type SoftHsm, startSoftHsm, TEST_PIN } from '../testing.ts'
