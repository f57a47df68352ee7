#!/usr/bin/env node
// Starts Stoa on a Node that can run it. Plain JavaScript without anything new in it, since the Node that reads this
// file may be an old one: then the pinned Node of node_modules takes over, or one clear line says what is missing.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const OLDEST_NODE = 24

if (Number(process.versions.node.split('.')[0]) >= OLDEST_NODE) {
  keepCompiledCode()
  await import('../src/main.ts')
} else {
  const node = pinnedNode()
  if (node === undefined) refuse()
  else runWith(node)
}

/** Lets Node keep the compiled code between starts, which makes all but the first one three times faster. */
function keepCompiledCode() {
  const { directory } = module.enableCompileCache()
  // Threads look here for it.
  if (directory !== undefined) process.env.NODE_COMPILE_CACHE ??= dirname(directory)
}

/** The Node that package.json pins for this system, when npm has installed it. */
function pinnedNode() {
  const system = process.platform === 'win32' ? 'win' : process.platform
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-${system}-${process.arch}/package.json`)
    const path = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}

function refuse() {
  console.error(
    `stoa: needs Node ${OLDEST_NODE} or newer, this is ${process.versions.node}, and none is pinned for ${process.platform}-${process.arch}: install Node ${OLDEST_NODE} (https://nodejs.org).`,
  )
  process.exitCode = 2
}

/** Runs this same file there. Signals go to the child alone; it knows how to end in good order. */
function runWith(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) {
    process.on(signal, () => {
      // A terminal sends SIGINT to both of us already; a second one would mean "at once".
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1
      return
    }
    for (const name of signals) process.removeAllListeners(name)
    process.kill(process.pid, signal)
  })
}
