/** The Interledger node: `interledger`. */
import { z } from 'zod'
import { ASSETS, type Asset } from '../../kernel/index.ts'
import { notes } from '../notes.ts'
import { noValue, relayUrl } from './values.ts'

/** There is at least one. */
const assetNames = Object.keys(ASSETS) as [Asset, ...Asset[]]
const MIN_TOKEN_LENGTH = 32
const address = z
  .string()
  .max(500)
  .regex(
    /^(g|private|example|local|test[1-3]?)(\.[A-Za-z0-9_~-]+)+$/,
    'must be an ILP address like g.example.stoa',
  )
const rate = z
  .string()
  .regex(/^[A-Z]{2,10} = (?=.*[1-9])\d{1,20}(\.\d{1,18})?$/, 'must be like "BTC = 64000.5"')
const token = z.string().min(MIN_TOKEN_LENGTH, `must have ${MIN_TOKEN_LENGTH} characters or more`)

export const interledger = z
  .strictObject({
    address: z.union([noValue, address]).default('').register(notes, {
      says: "The node's ILP address. Empty: what a parent gives it (ILDCP), or else one of its own in `private.`, made of the relay's key.",
    }),
    rates: z.array(rate).readonly().default([]).register(notes, {
      says: 'What a whole unit of an asset is worth, in any one unit that you choose for all: `["BTC = 64000", "XRP = 0.5", "USDC = 1"]`. Between assets without a rate nothing is exchanged.',
      reloadable: true,
    }),
    spreadPpm: z.int().min(0).max(500_000).default(2_000).register(notes, {
      says: 'What the node keeps of each packet that it exchanges into another asset, in millionths.',
      reloadable: true,
    }),
    asset: z.enum(assetNames).default('msat').register(notes, {
      says: 'What payments to this node are counted in.',
    }),
    slippagePpm: z.int().min(0).max(500_000).default(10_000).register(notes, {
      says: 'How much less than by the rates above may arrive of a payment that this node makes, in millionths.',
      reloadable: true,
    }),
    carriesPeerToPeer: z.boolean().default(false).register(notes, {
      says: 'Tell peers of what other peers lead to. Without it they hear of this node and of its children alone, since nobody pays for what is between peers.',
    }),
    maxHoldSeconds: z.int().min(1).max(120).default(30).register(notes, {
      says: 'A packet is held no longer than this, whatever time its sender gives it.',
    }),
    maxInFlight: z.int().min(1).max(1_000_000).default(20_000).register(notes, {
      says: 'Packets under way at the same time, of all peers together.',
    }),
    rpcToken: z.union([noValue, token]).default('').register(notes, {
      says: 'Whoever shows it may tell the node everything, over /trpc; 32 characters or more. Empty: nobody may from outside this process.',
      secret: true,
    }),
    rpcTokenFile: z.string().default('').register(notes, {
      says: 'A file with that token, as containers are given secrets.',
    }),
    remoteUrl: z
      .union([noValue, relayUrl], { error: 'must be empty or a ws:// or wss:// URL' })
      .default('')
      .register(notes, {
        says: 'Where a node of another Stoa is that this process has its payments made by, like wss://node.example/trpc; for processes without the role `ilp`. Over ws:// the token can be read on the way. Empty: the node is of this Stoa.',
      }),
    remoteToken: z.union([noValue, token]).default('').register(notes, {
      says: 'Shown to that node: its interledger.rpcToken.',
      secret: true,
    }),
    remoteTokenFile: z.string().default('').register(notes, {
      says: 'A file with that token.',
    }),
  })
  .readonly()
  .register(notes, {
    says: 'The Interledger node: packets that carry money, between peers and to this relay.',
  })
