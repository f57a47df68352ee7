import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAdminSocket, registerAdmin } from '../../console/index.ts'
import { createMemoryOperator, type MemoryOperator } from '../../console/testing/index.ts'
import { createHttpServer, createLogger, createMetricsRegistry } from '../../platform/index.ts'
import { runTestCli, type TestRun } from './run-test-cli.ts'

/** A program that runs on a data folder, as the command line sees it: the real socket, over an operator in memory. */
export interface TestProgram {
  readonly folder: string
  readonly memory: MemoryOperator
  /** Runs the command line on its data folder. */
  run(...args: readonly string[]): Promise<TestRun>
  /** Ends all connections, and what is asked on them goes on: as when the program is killed, or takes too long. */
  hangUp(): void
  stop(): Promise<void>
}

export async function startTestProgram(): Promise<TestProgram> {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-cli-'))
  const memory = createMemoryOperator()
  const http = await createHttpServer({
    logger: createLogger({ level: 'silent', format: 'json' }),
    health: () => ({}),
    metrics: createMetricsRegistry(),
    site: { name: '', description: '', publicUrl: '' },
    routes: (app) => registerAdmin(app, memory.operator),
  })
  const hangUps = new Set<() => void>()
  const socket = await openAdminSocket(folder, (request, response) => {
    const hangUp = (): void => void request.socket.destroy()
    hangUps.add(hangUp)
    response.once('close', () => hangUps.delete(hangUp))
    http.handle(request, response)
  })
  return {
    folder,
    memory,
    run: (...args) => runTestCli(args, { cwd: folder, env: { STOA_DATA__DIR: folder } }),
    hangUp: () => {
      for (const hangUp of hangUps) hangUp()
    },
    stop: async () => {
      await socket.close()
      await http.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
