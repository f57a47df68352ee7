/** What tests of the API, and of its page, use. */
export { EXAMPLE_NOW_SECONDS, exampleSnapshot } from './example-snapshot.ts'
export { GOOD_KEY, NOBODY, startTestApi, type TestAnswer, type TestApi } from './test-api.ts'
export { createTestSource, type TestSource } from './test-source.ts'
