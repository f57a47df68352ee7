/** What the tests of this part share: a running moderation with a relay that only remembers, and real events. */
export { crashChild } from './crash-child-process.ts'
export { createRig, type ModerationUnderTest, type Rig, TEST_SETTINGS } from './rig.ts'
export { type Author, newAuthor } from './signed-events.ts'
