// What is said of a trouble whose reason is not known any nearer.
import { TROUBLE } from '../../format/entry-model.ts'

export const TROUBLE_TEXTS: Readonly<Record<number, string>> = {
  [TROUBLE.content]: 'could not be read',
  [TROUBLE.changed]: 'changed while it was read, every time it was tried',
  [TROUBLE.attributes]: 'some of its attributes could not be read',
  [TROUBLE.listing]: 'could not be listed',
}
