/** Variables of the environment; only the command line reads them, everything below gets values. */
export type Environment = Readonly<Record<string, string | undefined>>
