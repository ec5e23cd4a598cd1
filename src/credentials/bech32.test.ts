import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../base/bytes.ts'
import { decodeBech32 } from './bech32.ts'

// From the test kit of age, and from BIP 173.
const IDENTITY = 'AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0'
const PREFIX = 'AGE-SECRET-KEY-'
const ADDRESS = 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'

test('a key is decoded under its prefix, with its checksum, in one case', () => {
  const bytes = 'ca1626252c53cf1a4dc46695e7fcc46594cb4ccadedb6712dfda0753f3ae355e'
  assert.equal(toHex(decodeBech32(IDENTITY, PREFIX)!), bytes)
  assert.equal(decodeBech32(IDENTITY, 'AGE-SECRET-KEY-PQ-'), undefined)
  assert.equal(decodeBech32(IDENTITY.toLowerCase(), PREFIX), undefined)
  assert.equal(decodeBech32(IDENTITY.replace('EGTZ', 'EgTZ'), PREFIX), undefined)
  for (let at = PREFIX.length; at < IDENTITY.length; at++) {
    for (const char of ['', 'Q', 'P', 'B', 'QQ']) {
      if (IDENTITY[at] === char) continue
      assert.equal(decodeBech32(IDENTITY.slice(0, at) + char + IDENTITY.slice(at + 1), PREFIX), undefined)
    }
  }
})

test('digits that are no whole bytes are refused though their checksum is right', () => {
  assert.equal(decodeBech32(ADDRESS, 'bc'), undefined)
})
