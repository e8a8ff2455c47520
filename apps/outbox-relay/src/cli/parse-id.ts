import { InvalidArgumentError } from 'commander'

/** Reads the id of a dead letter. @throws InvalidArgumentError for anything else. */
export function parseId(text: string): string {
  if (!/^[1-9]\d{0,17}$/.test(text))
    throw new InvalidArgumentError('must be the id of a dead letter')
  return text
}
