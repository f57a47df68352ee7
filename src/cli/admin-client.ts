/** Speaks to the program that runs on a data folder, through the socket that it has there. */
import { request as httpRequest } from 'node:http'
import { text } from 'node:stream/consumers'
import { findAdminSocket } from '../console/index.ts'
import { AppError, accepted, type Outcome, refused } from '../kernel/index.ts'

/** What `/dashboard/…` is asked: with a body it is told to change something, without one to show something. */
export interface AdminRequest {
  /** Behind `/dashboard/`, with its query. */
  readonly path: string
  readonly body?: object
}

export interface AdminAnswer {
  readonly status: number
  readonly json: unknown
}

/** Long enough for a check of a long audit log. */
const TIMEOUT_MS = 120_000

/**
 * Refused, with the reason, when the program was reached and gave no answer: what was asked may have been done.
 *
 * @throws AppError CONSOLE_NOT_RUNNING
 */
export async function askStoa(
  dataDir: string,
  { path, body }: AdminRequest,
): Promise<Outcome<AdminAnswer, string>> {
  const socketPath = await findAdminSocket(dataDir)
  if (socketPath === undefined) throw notRunning(dataDir)
  try {
    return accepted(await send(socketPath, path, body))
  } catch (cause) {
    if (isAbsent(cause)) throw notRunning(dataDir, cause)
    return refused(cause instanceof Error ? cause.message : String(cause))
  }
}

function send(socketPath: string, path: string, body: object | undefined): Promise<AdminAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      socketPath,
      path: `/dashboard/${path}`,
      method: body === undefined ? 'GET' : 'POST',
      headers: { host: 'localhost', ...(body !== undefined && { 'content-type': 'application/json' }) },
      timeout: TIMEOUT_MS,
    })
    request.on('timeout', () => request.destroy(new Error(`no answer in ${TIMEOUT_MS / 1_000} seconds`)))
    request.on('error', reject)
    request.on('response', (response) => {
      text(response).then(
        (answer) => resolve({ status: response.statusCode ?? 500, json: JSON.parse(answer) }),
        reject,
      )
    })
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** Nothing listens there, or not any more. */
function isAbsent(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED')
  )
}

function notRunning(dataDir: string, cause?: unknown): AppError {
  return new AppError(
    'CONSOLE_NOT_RUNNING',
    `No Stoa runs on the data folder ${dataDir}; start it, or name its folder with --data.`,
    { cause, facts: { dataDir } },
  )
}
