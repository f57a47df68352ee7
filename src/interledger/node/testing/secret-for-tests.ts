import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import type { NodeSecret } from '../opened-node.ts'

const IV = Buffer.alloc(12)

/** Seals as the signer does, as far as the node can tell; one IV for all, so for tests alone. */
export function createSecretBox(secret: Buffer): NodeSecret {
  const derive = (info: string) => createHmac('sha256', secret).update(info).digest()
  return {
    derive,
    seal: (plaintext, context) => {
      const cipher = createCipheriv('aes-256-gcm', derive(context), IV)
      return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]).toString('hex')
    },
    open: (sealed, context) => {
      const bytes = Buffer.from(sealed, 'hex')
      const decipher = createDecipheriv('aes-256-gcm', derive(context), IV)
      decipher.setAuthTag(bytes.subarray(-16))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()])
      } catch {
        return undefined
      }
    },
  }
}
