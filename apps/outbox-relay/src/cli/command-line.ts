import type pg from 'pg'

/** What the commands need of the program around them. */
export interface CommandLine {
  readonly withDatabase: <T>(work: (client: pg.Client) => Promise<T>) => Promise<T>
  readonly print: (line: string) => void
  /** Something is wrong, and the output says what: exit status 1. */
  readonly exitFailed: () => void
}
