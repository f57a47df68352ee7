/** The door of the packet books: open them; their port is `../books.ts`. */
export {
  ANSWER_HORIZON_MS,
  type DurablePacketBooks,
  openPacketBooks,
  type PacketBooksDeps,
  type PacketBooksStats,
} from './packet-books.ts'
export { lossAccount, peerAccount } from './parties.ts'
