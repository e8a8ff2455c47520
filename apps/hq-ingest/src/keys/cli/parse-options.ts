import {
  DATASETS,
  isDatasetName,
  KeyFormatError,
  SOURCE_PATTERN,
  UUID_PATTERN,
} from '@hq-export/contract'
import { matching, wholeNumber } from '@hq-export/runtime/cli/options.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import { InvalidArgumentError } from 'commander'
import { type KeyMaterial, readPublicMaterial } from '../key-material.ts'

/*
 * Options of the key commands. Each takes the text of the command line and returns the value, or
 * throws what commander shows with the name of the option. No message repeats a text that could be
 * a secret.
 */

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const
const MAX_OVERLAP_SECONDS = 366 * SECONDS.d
const MAX_INT4 = 2_147_483_647

export const parseSource = matching(
  SOURCE_PATTERN,
  'must be 1 to 64 letters, digits, dots, dashes, underscores',
)
export const parseRequests = wholeNumber(1, MAX_INT4)
export const parseBytes = wholeNumber(1, Number.MAX_SAFE_INTEGER)

export function parseOrgs(text: string): string[] {
  const orgs = text.split(',')
  if (!orgs.every((org) => UUID_PATTERN.test(org))) throw new InvalidArgumentError('must be uuids')
  return [...new Set(orgs.map((org) => org.toLowerCase()))]
}

export function parseDatasets(text: string): string[] {
  const names = text.split(',')
  if (names.every(isDatasetName)) return [...new Set(names)]
  throw new InvalidArgumentError(`must be of ${DATASETS.map(({ name }) => name).join(', ')}`)
}

/**
 * Reads `--public-key` in the action and not as it is parsed: commander repeats what it refuses,
 * and that may be a secret.
 * @throws {OperatorError} for any other text.
 */
export function takePublicKey(text: string | undefined): KeyMaterial | undefined {
  try {
    return text === undefined ? undefined : readPublicMaterial(text)
  } catch (error) {
    if (error instanceof KeyFormatError) throw new OperatorError(`--public-key ${error.message}`)
    throw error
  }
}

export function parseOverlap(text: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,8})([smhd])$/.exec(text) ?? []
  const seconds = Number(amount) * (SECONDS[unit as keyof typeof SECONDS] ?? Number.NaN)
  if (seconds <= MAX_OVERLAP_SECONDS) return seconds
  throw new InvalidArgumentError('must be a time such as 90s, 30m, 24h, 7d; at most 366d')
}
