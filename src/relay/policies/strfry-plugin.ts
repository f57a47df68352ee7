import { existsSync, type StatWatcher, unwatchFile, watchFile } from 'node:fs'
import type { NostrEvent } from '../../nostr/index.ts'
import type { PolicySettings } from '../settings.ts'
import { outsideQuestion, verdictOfAnswer, verdictWithout } from './outside-answer.ts'
import { PluginProcess } from './plugin-process.ts'
import {
  definePolicy,
  type LatePolicy,
  type OutsideStats,
  type PolicyDeps,
  type Verdict,
  type WriteContext,
} from './policy.ts'

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 60_000
/** A plugin that ran so long without failing starts again at once when it does. */
const STEADY_AFTER_MS = 60_000
const WATCH_INTERVAL_MS = 1_000

/** A program that decides, in strfry's plugin protocol: existing plugins run unchanged. */
export const strfryPlugin = definePolicy({
  name: 'plugin',
  pick: ({ policies }) => (policies.plugin.command.length === 0 ? undefined : policies.plugin),
  create: (own, deps) => new PluginPolicy(own, deps),
})

type PluginSettings = PolicySettings['plugin']

/** Keeps one plugin running: starts it again when it fails, later each time, and anew when its file changes. */
class PluginPolicy implements LatePolicy {
  readonly name = 'plugin'
  readonly stage = 'after-signature'
  readonly #settings: PluginSettings
  readonly #deps: PolicyDeps
  readonly #watched: readonly string[]
  #process: PluginProcess | undefined
  #startedAtMs = 0
  #pauseMs = FIRST_PAUSE_MS
  #restart: NodeJS.Timeout | undefined
  #isClosed = false
  #starts = 0
  #failures = 0
  #unanswered = 0

  constructor(settings: PluginSettings, deps: PolicyDeps) {
    this.#settings = settings
    this.#deps = deps
    this.#watched = settings.command.filter((word) => word.includes('/') && existsSync(word))
    for (const file of this.#watched) this.#watch(file).unref()
    this.#start()
  }

  judge(event: NostrEvent, context: WriteContext): Verdict | Promise<Verdict> {
    const answer = this.#process?.ask(event.id, outsideQuestion(event, context))
    if (answer === undefined) return this.#without()
    return answer.then((given) => (given === undefined ? this.#without() : verdictOfAnswer(given)))
  }

  outside(): OutsideStats {
    return {
      up: this.#process === undefined ? 0 : 1,
      waiting: this.#process?.waiting ?? 0,
      maxWaiting: this.#settings.maxWaiting,
      unanswered: this.#unanswered,
      failures: this.#failures,
      starts: this.#starts,
    }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#restart)
    for (const file of this.#watched) unwatchFile(file, this.#onFile)
    this.#process?.retire()
    this.#process = undefined
  }

  #without(): Verdict {
    this.#unanswered++
    return verdictWithout(this.#settings.whenUnavailable)
  }

  #start(): void {
    this.#starts++
    this.#startedAtMs = performance.now()
    const { command, timeoutMs, maxWaiting } = this.#settings
    this.#process = new PluginProcess({
      command,
      timeoutMs,
      maxWaiting,
      onFailed: (why) => this.#failed(why),
    })
  }

  #failed(why: string): void {
    if (this.#isClosed) return
    this.#failures++
    this.#process = undefined
    if (performance.now() - this.#startedAtMs > STEADY_AFTER_MS) this.#pauseMs = FIRST_PAUSE_MS
    const facts = { why, retryInMs: this.#pauseMs }
    this.#deps.notify({ event: 'policies.plugin_failed', level: 'error', facts })
    clearTimeout(this.#restart)
    this.#restart = setTimeout(() => this.#start(), this.#pauseMs)
    this.#restart.unref()
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS)
  }

  #watch(file: string): StatWatcher {
    return watchFile(file, { interval: WATCH_INTERVAL_MS }, this.#onFile)
  }

  readonly #onFile = (now: { mtimeMs: number }, before: { mtimeMs: number }): void => {
    // 0: the file is gone for the moment, as while it is being replaced.
    if (now.mtimeMs === before.mtimeMs || now.mtimeMs === 0) return
    this.#deps.notify({ event: 'policies.plugin_reloaded', level: 'info', facts: {} })
    clearTimeout(this.#restart)
    this.#pauseMs = FIRST_PAUSE_MS
    // The old one still answers what it was asked.
    this.#process?.retire()
    this.#start()
  }
}
