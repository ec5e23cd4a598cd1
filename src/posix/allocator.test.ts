import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missing, requireLinux } from '../../test/support/requirements.ts'
import { returnLargeBuffers } from './allocator.ts'

test('the memory of large buffers goes back to the system when it is released', (t) => {
  if (!requireLinux(t)) return
  const { header } = process.report.getReport() as { header: object }
  if (!('glibcVersionRuntime' in header) && !missing(t, 'glibc')) return
  returnLargeBuffers()
  // One buffer of 24 MiB would raise glibc's limit, so that the later ones of 2 MiB stay in its heap.
  new Uint8Array(24 * 1024 * 1024).fill(1).buffer.transfer(0)
  const buffers = Array.from({ length: 100 }, () => new Uint8Array(2 * 1024 * 1024).fill(1))
  const full = process.memoryUsage.rss()
  for (const [i, buffer] of buffers.entries()) if (i !== 99) buffer.buffer.transfer(0)
  const freed = full - process.memoryUsage.rss()
  assert.ok(freed > 150 * 1024 * 1024, `${freed} bytes went back`)
})
