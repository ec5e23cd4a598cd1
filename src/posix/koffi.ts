// Calls of native functions go through koffi, which is loaded here and nowhere else, and not before it is needed.
import { createRequire } from 'node:module'

/** A function of C; integers that a double cannot hold come back as bigint. */
export type NativeFunction = (...args: unknown[]) => number | bigint

export interface KoffiLibrary {
  /** Throws when the library has no function of that name. */
  func(name: string, result: string, args: readonly string[]): (...args: unknown[]) => number
}

export interface KoffiModule {
  /**
   * null is the program itself with all that is linked to it. `deep` lets a library use its own dependencies rather than
   * functions of the same name that the program exports. Throws when there is no such library.
   */
  load(path: string | null, options?: { readonly deep?: boolean }): KoffiLibrary
  errno(): number
  address(of: Uint8Array): bigint
  /** A type to call a pointer with. */
  proto(result: string, args: readonly string[]): unknown
  call(pointer: bigint, proto: unknown, ...args: readonly unknown[]): number | bigint
  /** Memory that C owns; it must outlive the view. */
  view(pointer: bigint, length: number): ArrayBuffer
}

/** Throws where it is not installed or does not load. Takes 20 to 50 ms the first time in a process. */
export function loadKoffi(): KoffiModule {
  return createRequire(import.meta.url)('koffi') as KoffiModule
}

/**
 * Functions that the running program itself contains, by name: result type and argument types of each. Null where native
 * calls cannot be had or a function is missing. A wrong signature corrupts memory; see the rules in libc.ts.
 */
export function programFunctions<Name extends string>(
  signatures: Readonly<Record<Name, readonly [result: string, args: readonly string[]]>>,
): Readonly<Record<Name, NativeFunction>> | null {
  return process.platform === 'linux' ? libraryFunctions([null], signatures) : null
}

/** The same of a library of the system: the first of `paths` that is there and has them all; null is the program itself. */
export function libraryFunctions<Name extends string>(
  paths: readonly (string | null)[],
  signatures: Readonly<Record<Name, readonly [result: string, args: readonly string[]]>>,
): Readonly<Record<Name, NativeFunction>> | null {
  for (const path of paths) {
    try {
      const library = loadKoffi().load(path)
      const table: Partial<Record<Name, NativeFunction>> = {}
      for (const name of Object.keys(signatures) as Name[]) {
        const [result, args] = signatures[name]
        table[name] = library.func(name, result, args)
      }
      return table as Record<Name, NativeFunction>
    } catch {
      // The next one may be there.
    }
  }
  return null
}
