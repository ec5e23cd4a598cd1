// Keys on tokens and in a TPM, as people use them: SoftHSM and swtpm stand for the hardware.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Program } from '../support/program.ts'
import { requireCommand } from '../support/requirements.ts'
import { PIN, softHsm } from '../support/soft-hsm.ts'
import { softTpm } from '../support/soft-tpm.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { TerminalSession } from '../support/terminal.ts'

test('a key on a token opens the repository with its PIN, and is told apart in the list', (t) => {
  const library = softHsm(t, { card: [{ label: 'backup', id: 'a1' }] })
  if (library === null) return
  const folder = tempFolder(t, 'hardware')
  const program = new Program(folder)
  program.expect(0, 'init')
  const pinFile = join(folder, 'pin')
  writeFileSync(pinFile, `${PIN}\n`)
  const uri = `pkcs11:token=card;object=backup?module-path=${library}&pin-source=file:${pinFile}`
  const shell = (line: string) => program.shell(`export SOFTHSM2_CONF=${process.env['SOFTHSM2_CONF']}; ${line}`)
  const added = shell(`$HOLDFAST key add --pkcs11-key '${uri}' --label 'my card'`)
  assert.equal(added.status, 0, added.stderr)
  assert.match(added.stderr, /Whoever has the token and its PIN can do what you can/)
  const list = shell(`unset HOLDFAST_PASSWORD; $HOLDFAST key list --pkcs11 '${uri}'`)
  assert.equal(list.status, 0, list.stderr)
  assert.match(list.stdout, / \* +PKCS#11 token +admin .*my card +pkcs11:token=card;object=backup$/m)
  const byVariable = shell(`unset HOLDFAST_PASSWORD; export HOLDFAST_PKCS11='${uri}'; $HOLDFAST key test`)
  assert.match(byVariable.stdout, /PKCS#11 token +opens/)
  const again = shell(`$HOLDFAST key add --pkcs11-key '${uri}'`)
  assert.match(again.stderr, /this PKCS#11 token has a slot already/)

  writeFileSync(pinFile, '999999')
  const wrong = shell(`unset HOLDFAST_PASSWORD; $HOLDFAST snapshots --pkcs11 '${uri}'`)
  assert.notEqual(wrong.status, 0)
  assert.match(wrong.stderr, /the PIN is wrong: card/)
  const noModule = program.run('snapshots', '--pkcs11', 'pkcs11:token=card?module-path=/nonexistent.so')
  assert.match(noModule.stderr, /no library of PKCS#11 that can be loaded: \/nonexistent\.so/)
  const pinShown = program.run('snapshots', '--pkcs11', 'pkcs11:token=card?module-path=/m.so&pin-value=4711')
  assert.match(pinShown.stderr, /a PIN in the arguments/)
})

test('the TPM of a machine opens the repository, with a PIN when it has one', async (t) => {
  const tpm = await softTpm(t)
  if (tpm === null || !requireCommand(t, 'script')) return
  const folder = tempFolder(t, 'hardware')
  const program = new Program(folder)
  const tcti = tpm.env['TPM2TOOLS_TCTI']!
  const shell = (line: string) => program.shell(`export TPM2TOOLS_TCTI=${tcti}; ${line}`)
  const created = shell('unset HOLDFAST_PASSWORD; $HOLDFAST init --tpm-key --label desktop')
  assert.equal(created.status, 0, created.stderr)
  assert.match(
    created.stderr,
    /Add another key, such as a recovery sheet: without the TPM of this machine nobody can read/,
  )
  const list = shell('unset HOLDFAST_PASSWORD; $HOLDFAST key list --tpm')
  assert.match(list.stdout, / \* +TPM +admin .*desktop/, list.stderr)
  writeFileSync(join(folder, 'config.toml'), 'tpm = true\n')
  const configured = shell(`unset HOLDFAST_PASSWORD; $HOLDFAST snapshots --config ${folder}/config.toml`)
  assert.equal(configured.status, 0, configured.stderr)
  const elsewhere = program.shell('unset HOLDFAST_PASSWORD; TPM2TOOLS_TCTI=device:/dev/tpm99 $HOLDFAST snapshots --tpm')
  assert.match(elsewhere.stderr, /there is no TPM that can be used/)

  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, LANG: 'C.UTF-8', TPM2TOOLS_TCTI: tcti }
  const session = new TerminalSession(
    `export HOLDFAST_REPO=${program.repository}; ${program.launcher} key add --tpm --tpm-key --tpm-pin --label second`,
    folder,
    env,
  )
  await session.see(/New PIN for the TPM: /)
  session.type('2468\n')
  await session.see(/The same again: /)
  session.type('2468\n')
  await session.see(/added key/)
  assert.equal(await session.end(), 0)
  assert.ok(!session.shown.includes('2468'))
})
