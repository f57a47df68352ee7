import { defineConfig } from 'vitest/config'
import SlowFirst from './test/slow-first.ts'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts', 'web/src/**/*.test.ts'],
    exclude: ['**/node_modules/**'],
    // Processes, not threads: tests start threads, listen on ports and load native code of their own.
    pool: 'forks',
    // Two at once: latency and crash tests share their machine with one other file at most, on any machine.
    maxWorkers: 2,
    // For a machine that is slow and busy; nothing is asserted about time.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    // The same order every time; a test that only fails in another order has found a bug worth a name.
    sequence: { shuffle: false, concurrent: false, sequencer: SlowFirst },
    // What is promised must not hang on being tried again.
    retry: 0,
    allowOnly: false,
    unstubEnvs: true,
  },
})
