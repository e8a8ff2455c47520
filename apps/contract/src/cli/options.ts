import { daySchema, releaseIdSchema } from '@hq-export/contract'
import { type Command, InvalidArgumentError } from 'commander'

/** Reads a day. @throws InvalidArgumentError */
export function parseDay(text: string): string {
  if (daySchema.safeParse(text).success) return text
  throw new InvalidArgumentError('must be a day, such as 2026-11-28')
}

/** Reads the id of a release. @throws InvalidArgumentError */
export function parseRelease(text: string): string {
  if (releaseIdSchema.safeParse(text).success) return text
  throw new InvalidArgumentError('must be a release, such as 0.2.0')
}

/** Adds `--as-of`, with which a command works as on another day. */
export function withAsOf(command: Command): Command {
  return command.option('--as-of <day>', 'as on this day, in place of today', parseDay)
}
