/**
 * The one client of the Interledger node that other parts of this program are given: the same calls whether this process
 * is the node, another process of this Stoa is, or one elsewhere (`interledger.remoteUrl`).
 */
import { readFile } from 'node:fs/promises'
import type { Config } from './config/index.ts'
import { callInProcess, connectIlp, type IlpClient } from './interledger/rpc/index.ts'
import { refused } from './kernel/index.ts'
import type { Ledger } from './ledger/index.ts'
import type { Logger } from './platform/index.ts'
import type { LeaderLine } from './platform/leadership/index.ts'
import type { NodeRoom } from './stoa-node.ts'
import { farDesks } from './stoa-node-line.ts'

export interface IlpClientDeps {
  readonly config: Config
  /** Undefined in a process without the role `ilp`. */
  readonly room: () => Pick<NodeRoom, 'current' | 'settlementDesk'> | undefined
  /** To the process that is the node; undefined where there is but this one. */
  readonly line: () => Pick<LeaderLine, 'ask'> | undefined
  readonly ledger: () => Ledger | undefined
  readonly logger: Logger
}

/** Whom the audit log names for what parts of this program do by themselves. */
const ACTOR = { actor: 'stoa', role: 'service' }

/** Valid as long as the program runs, whoever becomes the node meanwhile. Rejects when the token cannot be read. */
export async function openIlpClient({
  config: { interledger },
  room,
  line,
  ledger,
  logger,
}: IlpClientDeps): Promise<IlpClient> {
  const { remoteUrl, remoteToken, remoteTokenFile } = interledger
  if (remoteUrl !== '') {
    const token = remoteToken === '' ? (await readFile(remoteTokenFile, 'utf8')).trim() : remoteToken
    const onConnection = (isUp: boolean) => logger.info({ isUp }, 'interledger.remote_node')
    return connectIlp({ url: remoteUrl, token, onConnection })
  }
  const ask: LeaderLine['ask'] = async (...question) => line()?.ask(...question) ?? refused(NOT_HERE)
  const far = farDesks({ ask }, ledger)
  const desk = {
    get node() {
      return room()?.current()?.node ?? far.node
    },
    get settlement() {
      return room()?.settlementDesk() ?? far.settlement
    },
  }
  return callInProcess({ desk, actor: ACTOR, logger })
}

const NOT_HERE = { code: 'UNAVAILABLE', text: 'this process is not the node, and there is no other' }
