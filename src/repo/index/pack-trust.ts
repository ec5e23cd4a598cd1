/** Whose packs a backup deduplicates against: those of all who may write, or its own and attested ones. */
export const PACK_TRUSTS = ['all', 'own+attested'] as const
export type PackTrust = (typeof PACK_TRUSTS)[number]
