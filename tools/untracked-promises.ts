// Loaded before each test file: keeps node:test from following every promise, which takes a third of the processor in tests
// that make millions of them. It does so to tell during which test something failed that no test waits for. Without that
// such a failure is told of the file, which fails as before; `node --test FILE` without this names the test.
import hooks from 'node:async_hooks'
import { isMainThread } from 'node:worker_threads'

if (isMainThread) {
  const { createHook } = hooks
  const none: hooks.AsyncHook = { enable: () => none, disable: () => none }
  hooks.createHook = () => none
  process.getBuiltinModule('node:test') // asks for its hook by what is there when it is loaded
  hooks.createHook = createHook
}
