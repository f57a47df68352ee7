import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { AppError } from '../kernel/index.ts'

/** A folder for keys that is not there yet, in one that is; whoever asks for it removes `parent`. */
export function temporaryKeyFolder(): { readonly parent: string; readonly folder: string } {
  const parent = mkdtempSync(join(tmpdir(), 'stoa-signer-'))
  return { parent, folder: join(parent, 'keys') }
}

/** The fault of something that must fail. */
export async function faultOf(act: () => unknown): Promise<AppError> {
  try {
    await act()
  } catch (error) {
    expect(error).toBeInstanceOf(AppError)
    if (error instanceof AppError) return error
  }
  throw new Error('It did not fail.')
}
