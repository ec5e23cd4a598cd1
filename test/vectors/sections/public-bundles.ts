// Cases of slots.json: bundles with a domain for data that everybody may read.
import { encodeBundle } from '../../../src/format/bundle.ts'
import { samplePublicBundle, samplePublicReportBundle } from '../../support/object-samples.ts'
import type { FailCase, OkCase } from '../section.ts'

export function publicBundles(): OkCase[] {
  return [
    ['a bundle with a public domain', samplePublicBundle()] as const,
    ['a bundle of the role report with a public domain', samplePublicReportBundle()] as const,
  ].map(([name, value]) => ({ name, kind: 'bundle', bytes: encodeBundle(value), value }))
}

/** A false where a true or nothing has to be: the last byte of the domains, before key 4. */
export function domainThatIsNotPublic(): FailCase {
  const bundle = samplePublicBundle()
  const bytes = encodeBundle(bundle)
  bytes[Buffer.from(bytes).indexOf(bundle.rootPublic) - 4] = 0xf4
  return { name: 'a domain that says that it is not public', kind: 'bundle', bytes, error: 'corrupt' }
}
