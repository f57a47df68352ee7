/** The thread of the observatory: what it does is in `stoa-watch.ts`, what it says and hears in `stoa-observatory.ts`. */
import { parentPort, workerData } from 'node:worker_threads'
import { createLogger } from './platform/index.ts'
import type {
  ObservatoryThreadCommand,
  ObservatoryThreadData,
  ObservatoryThreadMessage,
} from './stoa-observatory.ts'
import { openWatch, type Watch } from './stoa-watch.ts'
import { answerCall } from './thread-calls.ts'

// Started by `stoa-observatory.ts` only, which hands this in.
const { options, log } = workerData as ObservatoryThreadData
const logger = createLogger(log).child({ part: 'observatory' })
const say = (message: ObservatoryThreadMessage): void => parentPort?.postMessage(message)

let watch: Watch | undefined
const opening = openWatch(options, logger, {
  onChange: (version) => say({ say: 'changed', version }),
  onEvents: (events) => say({ say: 'events', events }),
}).then(
  (opened) => {
    watch = opened
    say({ say: 'ready' })
  },
  (error: unknown) => {
    say({ say: 'failed', message: error instanceof Error ? error.message : String(error) })
    parentPort?.close()
  },
)

const answers = {
  snapshot: (range: Parameters<Watch['snapshot']>[0]) => watch?.snapshot(range),
  stats: () => watch?.stats(),
  relays: () => watch?.relays(),
}
export type ObservatoryAnswers = typeof answers

parentPort?.on('message', (command: ObservatoryThreadCommand) => {
  if (command.do === 'call') {
    void answerCall(answers, command).then((answer) => say({ say: 'answer', ...answer }))
    return
  }
  if (command.do === 'look-at-relays') {
    watch?.lookAtRelays()
    return
  }
  void opening
    .then(() => watch?.stop())
    .catch((err: unknown) => logger.error({ err }, 'observatory.stop_failed'))
    .finally(() => {
      say({ say: 'stopped' })
      parentPort?.close()
    })
})
