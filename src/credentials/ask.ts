// How a credential talks to the person in front of the machine; the command line implements it on the terminal.

/** Each answer is null when nobody can be asked, or when the person does not want to answer. */
export interface Ask {
  /** For what must not be shown while it is typed. */
  secret(question: string): Promise<string | null>
  /** For what may be shown. */
  text(question: string): Promise<string | null>
  /** Undefined for `no` means that there is only one thing to choose. True for `yes`. */
  choose(question: string, yes: string, no: string | undefined): Promise<boolean | null>
  /** Tells something that needs no answer: `touch the key now`. False when nobody can see it. */
  tell(message: string): boolean
}
