import { expect, test } from 'vitest'
import { answerCall, type ThreadCall, ThreadCaller } from './thread-calls.ts'

/** A thread that answers only when it is told to. */
function thread() {
  const calls: ThreadCall[] = []
  const caller = new ThreadCaller((call) => void calls.push(call))
  const target = { double: (n: number) => 2 * n }
  const answerAll = async () => {
    for (const call of calls.splice(0)) caller.receive(await answerCall(target, call))
  }
  return { caller, answerAll }
}

test('each question gets its own answer, or what the other side threw', async () => {
  const { caller, answerAll } = thread()
  const asked = [caller.ask('double', [2]), caller.ask('double', [3])]
  const unknown = caller.ask('triple', [2])
  await Promise.all([answerAll(), expect(unknown).rejects.toThrow('nothing answers to triple')])
  expect(await Promise.all(asked)).toEqual([4, 6])
  expect(caller.waiting).toBe(0)
})

test('when the thread has ended nobody waits for its answers, and nobody begins to', async () => {
  const { caller, answerAll } = thread()
  const asked = caller.ask('double', [2])
  caller.end('the thread has ended')
  await expect(asked).rejects.toThrow('the thread has ended')
  await expect(caller.ask('double', [2])).rejects.toThrow('the thread has ended')
  expect(caller.waiting).toBe(0)
  await answerAll()
})
