// Witnesses: files, commands, and a real web server on this machine.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { BackupError, reasonsOf } from '../base/errors.ts'
import { parsePublication, publicationName } from './publication.ts'
import { publish } from './publish.ts'

const CHECKPOINT = { text: 'Holdfast checkpoint of …\n  1: abcde\n', name: 'holdfast-1234' }
const publishAt = (target: string) => publish(parsePublication(target), CHECKPOINT)

async function serve(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
) {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (part: string) => (body += part))
    request.on('end', () => answer(request, response, body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function failure(code: string, ...texts: (string | RegExp)[]) {
  return (error: unknown) => {
    assert.ok(error instanceof BackupError, String(error))
    assert.equal(error.code, code, reasonsOf(error))
    for (const text of texts) assert.match(reasonsOf(error), new RegExp(text))
    return true
  }
}

test('a web server gets the text by POST, whole and once', async (t) => {
  const asked: string[] = []
  const address = await serve(t, (request, response, body) => {
    asked.push(`${request.method} ${request.url} ${request.headers['content-type']}\n${body}`)
    response.writeHead(201).end('thank you')
  })
  await publishAt(`${address}/team?token=secret`)
  assert.deepEqual(asked, [`POST /team?token=secret text/plain; charset=utf-8\n${CHECKPOINT.text}`])
})

test('what a web server answers is told, without the secrets of the address', async (t) => {
  const codes = [500, 404, 401, 403]
  const address = await serve(t, (request, response) => response.writeHead(codes[Number(request.url![1])]!).end())
  await assert.rejects(publishAt(`${address}/0?token=secret`), failure('io', 'answered 500', /127\.0\.0\.1:\d+\/0\?…$/))
  await assert.rejects(publishAt(`${address}/0?token=secret`), (error) => !reasonsOf(error).includes('secret'))
  await assert.rejects(publishAt(`${address}/1`), failure('io', 'answered 404'))
  await assert.rejects(publishAt(`${address}/2`), failure('refused', 'answered 401'))
  await assert.rejects(publishAt(`${address}/3`), failure('refused', 'answered 403'))
})

test('a checkpoint does not go where a web server sends it on to', async (t) => {
  const reached: string[] = []
  const other = await serve(t, (request, response) => {
    reached.push(request.url!)
    response.end()
  })
  const address = await serve(t, (_, response) => response.writeHead(307, { location: `${other}/elsewhere` }).end())
  await assert.rejects(publishAt(address), failure('unreachable'))
  assert.deepEqual(reached, [])
})

test('a web server that is not there is unreachable, and the reason is told', async (t) => {
  const address = await serve(t, (_, response) => response.end())
  const { port } = new URL(address)
  const { promise, resolve } = Promise.withResolvers<void>()
  const gone = createServer().listen(0, '127.0.0.1', resolve)
  await promise
  const free = (gone.address() as AddressInfo).port
  await new Promise((done) => gone.close(done))
  assert.notEqual(Number(port), free)
  await assert.rejects(publishAt(`http://127.0.0.1:${free}/`), failure('unreachable', 'ECONNREFUSED'))
  const breaking = await serve(t, (request) => request.socket.destroy())
  await assert.rejects(publishAt(breaking), failure('unreachable'))
})

test('a command gets the text on its standard input; how it ends is told with what it says', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'published')
  await publishAt(`command:cat > '${file}'`)
  assert.equal(readFileSync(file, 'utf8'), CHECKPOINT.text)
  await publishAt('command:true') // it need not read anything
  await assert.rejects(
    publishAt('command:echo no witness today >&2; exit 3'),
    failure('io', 'exit code 3', 'no witness today'),
  )
  await assert.rejects(publishAt('command:kill -9 $$'), failure('io', 'SIGKILL'))
})

test('a file is replaced whole; in a folder each checkpoint is a file of its own', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'latest.txt')
  writeFileSync(file, 'an earlier and much longer checkpoint\n'.repeat(10))
  await publishAt(`file:${file}`)
  assert.equal(readFileSync(file, 'utf8'), CHECKPOINT.text)
  const kept = join(folder, 'kept')
  mkdirSync(kept)
  await publishAt(`file:${kept}`)
  await publish(parsePublication(`file:${kept}`), { ...CHECKPOINT, name: 'holdfast-1235' })
  assert.deepEqual(readdirSync(kept).toSorted(), ['holdfast-1234.txt', 'holdfast-1235.txt'])
  await assert.rejects(publishAt(`file:${join(folder, 'not-mounted', 'x')}`), failure('not-found', 'not-mounted'))
  assert.deepEqual(readdirSync(folder).toSorted(), ['kept', 'latest.txt'])
})

test('what is no place to publish at is refused, and a password in an address is never shown', () => {
  for (const wrong of ['', 'file:', 'command: ', 'ftp://x/y', '/tmp/file', 'https://', 'http://:80:80/']) {
    assert.throws(() => parsePublication(wrong), failure('usage'), wrong)
  }
  assert.throws(
    () => parsePublication('https://ada:hunter2@example.org/x'),
    (error) => {
      assert.ok(!reasonsOf(error).includes('hunter2'))
      return failure('usage', 'password in it')(error)
    },
  )
  assert.equal(publicationName(parsePublication('https://example.org/x?token=1')), 'https://example.org/x?…')
  assert.equal(publicationName(parsePublication('file:/a b')), 'file:/a b')
})
