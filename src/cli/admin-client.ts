/** Speaks to the program that runs on a data folder, through the socket that it has there. */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { findAdminSocket } from '../console/index.ts'
import { AppError, accepted, type Outcome, refused } from '../kernel/index.ts'
import { memberOf } from './admin-answer.ts'

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
/** A file is sent when all of it has been made. */
const FILE_TIMEOUT_MS = 1_800_000

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

/**
 * A file that the program sends; it fails when the program ends before the file does. Refused, with the reason, when there
 * is none.
 *
 * @throws AppError CONSOLE_NOT_RUNNING
 */
export async function askStoaForFile(
  dataDir: string,
  { path, signal }: Pick<AdminRequest, 'path'> & { readonly signal: AbortSignal },
): Promise<Outcome<NodeJS.ReadableStream, string>> {
  const socketPath = await findAdminSocket(dataDir)
  if (socketPath === undefined) throw notRunning(dataDir)
  try {
    const response = await open({ socketPath, path, timeoutMs: FILE_TIMEOUT_MS, signal })
    if (response.statusCode === 200) return accepted(response)
    const message = memberOf(memberOf(parsed(await text(response)), 'error'), 'message')
    return refused(typeof message === 'string' ? message : `refused with status ${response.statusCode}`)
  } catch (cause) {
    if (isAbsent(cause)) throw notRunning(dataDir, cause)
    return refused(`the program gave no answer: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

async function send(socketPath: string, path: string, body: object | undefined): Promise<AdminAnswer> {
  const response = await open({ socketPath, path, body, timeoutMs: TIMEOUT_MS })
  return { status: response.statusCode ?? 500, json: JSON.parse(await text(response)) }
}

interface Asking {
  readonly socketPath: string
  readonly path: string
  readonly body?: object | undefined
  /** Of silence. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

function open({ socketPath, path, body, timeoutMs, signal }: Asking): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      socketPath,
      path: `/dashboard/${path}`,
      method: body === undefined ? 'GET' : 'POST',
      headers: { host: 'localhost', ...(body !== undefined && { 'content-type': 'application/json' }) },
      timeout: timeoutMs,
      ...(signal !== undefined && { signal }),
    })
    request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs / 1_000} seconds`)))
    request.on('error', reject)
    request.on('response', resolve)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
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
