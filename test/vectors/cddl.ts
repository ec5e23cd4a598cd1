// As much of CDDL (RFC 8610) as docs/format.cddl uses: types with choices, ranges and sizes; arrays and maps with
// occurrences; keys that are integers; groups by name.
import {
  CborReader,
  MAJOR_ARRAY,
  MAJOR_BYTES,
  MAJOR_MAP,
  MAJOR_NEGATIVE,
  MAJOR_TEXT,
  MAJOR_UINT,
} from '../../src/base/cbor.ts'

type Item = bigint | Uint8Array | string | boolean | Item[] | Map<bigint, Item>

type Type =
  | { kind: 'range'; from: bigint; to: bigint }
  | { kind: 'name'; name: string }
  | { kind: 'size'; of: Type; from: bigint; to: bigint }
  | { kind: 'array' | 'map' | 'group'; parts: Part[] }
  | { kind: 'choice'; types: Type[] }

/** An item of an array or a pair of a map: how often, its key where it has one, its type. */
interface Part {
  min: number
  max: number
  key: Type | undefined
  type: Type
}

const TOKEN = /;[^\n]*|\s+|([a-z][\w-]*|-?\d+|\.\.|\.size|=>|[=:,/{}[\]()?*])/gy
const UNBOUNDED = Number.POSITIVE_INFINITY

export class Cddl {
  readonly rules = new Map<string, Type>()
  /** Names of the rules that some item was compared with. */
  readonly used = new Set<string>()
  readonly #tokens: string[]
  #at = 0

  constructor(text: string) {
    const tokens: (string | undefined)[] = []
    let end = 0
    for (const match of text.matchAll(TOKEN)) {
      tokens.push(match[1])
      end = match.index + match[0].length
    }
    if (end !== text.length) throw new Error(`no CDDL: ${text.slice(end, end + 40)}`)
    this.#tokens = tokens.filter((token) => token !== undefined)
    while (this.#at < this.#tokens.length) {
      const name = this.#take()
      this.#expect('=')
      this.rules.set(name, this.#type())
    }
  }

  /** Whether the bytes are one item of the rule. */
  accepts(rule: string, bytes: Uint8Array): boolean {
    const r = new CborReader(bytes, rule)
    const item = decode(r)
    r.end()
    return this.#matches({ kind: 'name', name: rule }, item)
  }

  #matches(type: Type, item: Item): boolean {
    switch (type.kind) {
      case 'range':
        return typeof item === 'bigint' && item >= type.from && item <= type.to
      case 'choice':
        return type.types.some((one) => this.#matches(one, item))
      case 'size': {
        const size = item instanceof Uint8Array ? item.length : typeof item === 'string' ? Buffer.byteLength(item) : -1
        return size >= type.from && size <= type.to && this.#matches(type.of, item)
      }
      case 'array':
        return Array.isArray(item) && this.#matchesArray(type.parts, item)
      case 'map':
        return item instanceof Map && this.#matchesMap(type.parts, item)
      case 'group':
        throw new Error('a group is no type')
      case 'name':
        return this.#matchesName(type.name, item)
    }
  }

  #matchesName(name: string, item: Item): boolean {
    if (name === 'any') return true
    if (name === 'bool') return typeof item === 'boolean'
    if (name === 'uint') return typeof item === 'bigint' && item >= 0n
    if (name === 'bytes') return item instanceof Uint8Array
    if (name === 'text') return typeof item === 'string'
    return this.#matches(this.#rule(name), item)
  }

  #matchesArray(parts: readonly Part[], items: readonly Item[]): boolean {
    let at = 0
    for (const { min, max, type } of parts) {
      let count = 0
      while (count < max && at < items.length && this.#matches(type, items[at]!)) {
        count++
        at++
      }
      if (count < min) return false
    }
    return at === items.length
  }

  #matchesMap(parts: readonly Part[], map: Map<bigint, Item>): boolean {
    const left = new Map(map)
    for (const { min, key, type } of this.#flat(parts)) {
      if (key === undefined) throw new Error('a map has keys')
      let count = 0
      for (const [k, value] of left) {
        if (!this.#matches(key, k)) continue
        if (!this.#matches(type, value)) return false
        left.delete(k)
        count++
      }
      if (count < min) return false
    }
    return left.size === 0
  }

  /** The parts with those of named groups in their place. */
  #flat(parts: readonly Part[]): Part[] {
    return parts.flatMap((part) => {
      if (part.key !== undefined || part.type.kind !== 'name') return [part]
      const group = this.#rule(part.type.name)
      return group.kind === 'group' ? this.#flat(group.parts) : [part]
    })
  }

  #rule(name: string): Type {
    const rule = this.rules.get(name)
    if (rule === undefined) throw new Error(`there is no rule ${name}`)
    this.used.add(name)
    return rule
  }

  #type(): Type {
    const types = [this.#type1()]
    while (this.#skip('/')) types.push(this.#type1())
    return types.length === 1 ? types[0]! : { kind: 'choice', types }
  }

  #type1(): Type {
    const token = this.#take()
    if (token === '[') return { kind: 'array', parts: this.#parts(']') }
    if (token === '{') return { kind: 'map', parts: this.#parts('}') }
    if (token === '(') return { kind: 'group', parts: this.#parts(')') }
    if (isNumber(token)) {
      const from = BigInt(token)
      return { kind: 'range', from, to: this.#skip('..') ? BigInt(this.#take()) : from }
    }
    const name: Type = { kind: 'name', name: token }
    if (!this.#skip('.size')) return name
    const inParentheses = this.#skip('(')
    const from = BigInt(this.#take())
    const to = this.#skip('..') ? BigInt(this.#take()) : from
    if (inParentheses) this.#expect(')')
    return { kind: 'size', of: name, from, to }
  }

  #parts(close: string): Part[] {
    const parts: Part[] = []
    while (!this.#skip(close)) {
      const [min, max] = this.#occurrence()
      let type = this.#type()
      let key: Type | undefined
      // `name:` in an array is a label for people; `1:` in a map and `type =>` are keys.
      const colon = this.#skip(':')
      if (colon || this.#skip('=>')) {
        if (close !== ']') key = type
        type = this.#type()
      }
      parts.push({ min, max, key, type })
      this.#skip(',')
    }
    return parts
  }

  #occurrence(): [number, number] {
    if (this.#skip('?')) return [0, 1]
    const [first, second] = [this.#tokens[this.#at]!, this.#tokens[this.#at + 1]]
    if (first !== '*' && second !== '*') return [1, 1]
    const min = isNumber(first) ? Number(this.#take()) : 0
    this.#expect('*')
    return [min, isNumber(this.#tokens[this.#at]!) ? Number(this.#take()) : UNBOUNDED]
  }

  #take(): string {
    const token = this.#tokens[this.#at++]
    if (token === undefined) throw new Error('CDDL ends early')
    return token
  }

  #skip(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false
    this.#at++
    return true
  }

  #expect(token: string): void {
    const found = this.#take()
    if (found !== token)
      throw new Error(
        `${found} where ${token} belongs, after ${this.#tokens.slice(this.#at - 6, this.#at - 1).join(' ')}`,
      )
  }
}

function isNumber(token: string): boolean {
  return /^-?\d+$/.test(token)
}

function decode(r: CborReader): Item {
  switch (r.major()) {
    case MAJOR_UINT:
      return r.bigUint()
    case MAJOR_NEGATIVE:
      return BigInt(r.int())
    case MAJOR_BYTES:
      return r.bytes()
    case MAJOR_TEXT:
      return r.text()
    case MAJOR_ARRAY: {
      const items = Array.from({ length: r.array() }, () => decode(r))
      r.leave()
      return items
    }
    case MAJOR_MAP: {
      const map = new Map<bigint, Item>()
      for (let left = r.map(), key = -1; left > 0; left--) map.set(BigInt((key = r.key(key))), decode(r))
      r.leave()
      return map
    }
    default:
      return r.bool()
  }
}
