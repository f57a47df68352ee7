/** What the program answers: its types, and nothing else of it. */
export type * from '../../../src/observatory/api/bodies.ts'
