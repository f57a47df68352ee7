import { CKA, CKR, CKS_RW_USER_FUNCTIONS } from './constants.ts'
import type { Argument, Cryptoki, CryptokiFunction } from './cryptoki.ts'
import { CryptokiFailure } from './faults.ts'
import {
  type AttributeValue,
  attributes,
  lengthOfAttribute,
  type Memory,
  mechanism,
  ULONG_BYTES,
  ulong,
} from './memory.ts'

/** Where an object is in the token, as long as the session lives. */
export type ObjectHandle = bigint

export type Template = readonly (readonly [type: number, value: AttributeValue])[]

/** What to do it with, and the bytes or the structure that this needs. */
export interface Mechanism {
  readonly type: number
  readonly parameter?: Buffer | Memory
}

/** So many objects are looked at when several fit a template. */
const MAX_FOUND = 16

/** More than any attribute that is read here. */
const MAX_ATTRIBUTE_BYTES = 256

/** What encrypting adds to its input at most (padding, a tag), and more than any signature of 32 bytes. */
const SPARE_BYTES = 128

/** A session that is logged in. One thing at a time: `Token.run` sees to that. Every failure is a `CryptokiFailure`. */
export class TokenSession {
  readonly #cryptoki: Cryptoki
  readonly #slot: bigint
  readonly #handle: bigint

  constructor(cryptoki: Cryptoki, slot: bigint, handle: bigint) {
    this.#cryptoki = cryptoki
    this.#slot = slot
    this.#handle = handle
  }

  addressOf(buffer: Buffer): bigint {
    return this.#cryptoki.addressOf(buffer)
  }

  /** Whether the token offers a mechanism at all. */
  async offers(type: number): Promise<boolean> {
    const info = Buffer.alloc(3 * ULONG_BYTES)
    return (await this.#cryptoki.call('C_GetMechanismInfo', this.#slot, type, info)) === CKR.OK
  }

  async find(template: Template): Promise<readonly ObjectHandle[]> {
    const wanted = this.#attributes(template)
    await this.#do('C_FindObjectsInit', this.#handle, wanted, template.length)
    const handles = Buffer.alloc(MAX_FOUND * ULONG_BYTES)
    const count = ulong()
    try {
      await this.#do('C_FindObjects', this.#handle, handles, MAX_FOUND, count)
    } finally {
      await this.#cryptoki.call('C_FindObjectsFinal', this.#handle)
    }
    const found = Array.from({ length: Number(count.readBigUInt64LE()) }, (_, index) =>
      handles.readBigUInt64LE(index * ULONG_BYTES),
    )
    if (found.length === 0) await this.#checkLoggedIn()
    return found
  }

  /** The key of a class that has this id; a failure when there is none. */
  async findKey(keyClass: number, keyId: Buffer): Promise<ObjectHandle> {
    const [key] = await this.find(keyOf(keyClass, keyId))
    if (key !== undefined) return key
    throw new CryptokiFailure('C_FindObjects', CKR.OBJECT_HANDLE_INVALID, keyId.toString('hex'))
  }

  /** Whoever is logged out sees no private objects, which must not be taken for keys that are gone. */
  async #checkLoggedIn(): Promise<void> {
    const info = Buffer.alloc(4 * ULONG_BYTES)
    await this.#do('C_GetSessionInfo', this.#handle, info)
    if (info.readBigUInt64LE(ULONG_BYTES) === BigInt(CKS_RW_USER_FUNCTIONS)) return
    throw new CryptokiFailure('C_FindObjects', CKR.USER_NOT_LOGGED_IN)
  }

  async attributeOf(object: ObjectHandle, type: number): Promise<Buffer> {
    const value = Buffer.alloc(MAX_ATTRIBUTE_BYTES)
    const asked = this.#attributes([[type, value]])
    await this.#do('C_GetAttributeValue', this.#handle, object, asked, 1)
    return value.subarray(0, lengthOfAttribute(asked, 0))
  }

  /** Makes a secret key in the token. */
  async generateKey(how: Mechanism, template: Template): Promise<ObjectHandle> {
    const key = ulong()
    const wanted = this.#attributes(template)
    await this.#do('C_GenerateKey', this.#handle, this.#mechanism(how), wanted, template.length, key)
    return key.readBigUInt64LE()
  }

  /** Makes a pair of keys in the token. */
  async generateKeyPair(
    how: Mechanism,
    templates: { readonly publicKey: Template; readonly privateKey: Template },
  ): Promise<{ readonly publicKey: ObjectHandle; readonly privateKey: ObjectHandle }> {
    const { publicKey, privateKey } = templates
    const [publicHandle, privateHandle] = [ulong(), ulong()]
    await this.#do(
      'C_GenerateKeyPair',
      this.#handle,
      this.#mechanism(how),
      this.#attributes(publicKey),
      publicKey.length,
      this.#attributes(privateKey),
      privateKey.length,
      publicHandle,
      privateHandle,
    )
    return { publicKey: publicHandle.readBigUInt64LE(), privateKey: privateHandle.readBigUInt64LE() }
  }

  encrypt(key: ObjectHandle, how: Mechanism, plaintext: Buffer): Promise<Buffer> {
    return this.#transform('C_EncryptInit', 'C_Encrypt', key, how, plaintext)
  }

  decrypt(key: ObjectHandle, how: Mechanism, ciphertext: Buffer): Promise<Buffer> {
    return this.#transform('C_DecryptInit', 'C_Decrypt', key, how, ciphertext)
  }

  sign(key: ObjectHandle, how: Mechanism, data: Buffer): Promise<Buffer> {
    return this.#transform('C_SignInit', 'C_Sign', key, how, data)
  }

  /** Removes objects for good. One that is gone already is no failure. */
  async destroyAll(template: Template): Promise<void> {
    for (const object of await this.find(template)) await this.#do('C_DestroyObject', this.#handle, object)
  }

  async #transform(
    start: CryptokiFunction,
    finish: CryptokiFunction,
    key: ObjectHandle,
    how: Mechanism,
    input: Buffer,
  ): Promise<Buffer> {
    await this.#do(start, this.#handle, this.#mechanism(how), key)
    const output = Buffer.alloc(input.length + SPARE_BYTES)
    const length = ulong(output.length)
    await this.#do(finish, this.#handle, input, input.length, output, length)
    return output.subarray(0, Number(length.readBigUInt64LE()))
  }

  async #do(name: CryptokiFunction, ...args: readonly Argument[]): Promise<void> {
    const returned = await this.#cryptoki.call(name, ...args)
    if (returned !== CKR.OK) throw new CryptokiFailure(name, returned)
  }

  #attributes(template: Template): Memory {
    return attributes(template, this.#cryptoki.addressOf)
  }

  #mechanism({ type, parameter }: Mechanism): Memory {
    return mechanism(type, parameter, this.#cryptoki.addressOf)
  }
}

/** What a key in the token is found by. */
export function keyOf(keyClass: number, keyId: Buffer): Template {
  return [
    [CKA.CLASS, keyClass],
    [CKA.ID, keyId],
  ]
}
