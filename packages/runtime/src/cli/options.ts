import { type Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { OperatorError } from '../operator-error.ts'

/*
 * The options that mean the same wherever they stand. A parser takes the text of the command line
 * and returns the value, or throws what commander shows with the name of the option.
 */

/** Most rows that one page of a list has. */
const MAX_LIMIT = 1_000_000
const DEFAULT_LIMIT = 100

/** Reads the id of something that is listed. @throws InvalidArgumentError for anything else. */
export function parseId(text: string): string {
  if (/^[1-9]\d{0,17}$/.test(text)) return text
  throw new InvalidArgumentError('must be an id, as list shows it')
}

/** Reads whole numbers from `min` to `max`, in digits. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (/^\d{1,16}$/.test(text) && number >= min && number <= max) return number
    throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`)
  }
}

/** Reads texts of a form. @param rule what it must be. */
export function matching(pattern: RegExp, rule: string): (text: string) => string {
  return (text) => {
    if (pattern.test(text)) return text
    throw new InvalidArgumentError(rule)
  }
}

/** Reads one of these words. */
export function oneOf(words: readonly string[]): (text: string) => string {
  return (text) => {
    if (words.includes(text)) return text
    throw new InvalidArgumentError(`must be one of ${words.join(', ')}`)
  }
}

/** Reads an instant. */
export function parseInstant(text: string): string {
  if (z.iso.datetime({ offset: true }).safeParse(text).success) return text
  throw new InvalidArgumentError('must be ISO 8601 with offset, such as 2026-03-01T00:00:00Z')
}

/** Adds `--json`. */
export function withJson(command: Command): Command {
  return command.option('--json', 'as JSON')
}

/** Adds `--dry-run`. */
export function withDryRun(command: Command): Command {
  return command.option('--dry-run', 'only count; change nothing')
}

/** Adds `--note`, without which nothing is given up. */
export function withNote(command: Command): Command {
  return command.requiredOption('--note <text>', 'why, for whoever asks later')
}

/** Adds `--limit`. */
export function withLimit(command: Command): Command {
  return command.option(
    '--limit <rows>',
    'at most this many',
    wholeNumber(1, MAX_LIMIT),
    DEFAULT_LIMIT,
  )
}

/** What a command was given that changes what is selected. */
export interface ChangeOptions {
  readonly id?: readonly string[]
  readonly all?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** Adds {@link ChangeOptions} to a command that has filters. */
export function withChange(command: Command): Command {
  return withJson(
    withDryRun(
      command
        .option('--id <id...>', 'these, open or not', (text, ids: string[] = []) => [
          ...ids,
          parseId(text),
        ])
        .option('--all', 'every open one'),
    ),
  )
}

/**
 * Refuses a command that was not told in exactly one way what it is about: everything by mistake is
 * too much.
 * @param filters what the filters were given, by name.
 * @throws {OperatorError}
 */
export function assertOneWay(
  { id, all }: ChangeOptions,
  filters: Readonly<Record<string, unknown>>,
): void {
  const isFiltered = Object.values(filters).some((value) => value !== undefined)
  const ways = [id !== undefined, isFiltered, all === true].filter(Boolean)
  if (ways.length === 1) return
  const names = Object.keys(filters).map((name) => `--${name}`)
  throw new OperatorError(`say which: by --id, by filters (${names.join(', ')}), or with --all`)
}
