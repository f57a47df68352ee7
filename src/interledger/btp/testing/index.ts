/** The door of what tests of BTP peers use: frames in their own hands. */
export { authMessage } from '../auth.ts'
export {
  type BtpFrame,
  type BtpMessage,
  decodeBtpFrame,
  encodeBtpFrame,
  type SubProtocol,
} from '../frames.ts'
export { connectAs, connectRaw, type RawPeer, silent, startBtpServer, type TestServer } from './rig.ts'
