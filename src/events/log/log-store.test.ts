import { describeEventStoreContract } from '../contract.ts'
import { makeLogStore } from './testing.ts'

describeEventStoreContract('log, one segment', makeLogStore({ segmentBytes: 1024 * 1024 }))
describeEventStoreContract(
  'log, tiny segments that seal and compact at once',
  makeLogStore({ segmentBytes: 2_048, maintenance: 'inline' }),
)
describeEventStoreContract(
  'log, tiny cold segments',
  makeLogStore({ segmentBytes: 2_048, maintenance: 'inline', indexBytes: 0, cacheBytes: 0 }),
)
