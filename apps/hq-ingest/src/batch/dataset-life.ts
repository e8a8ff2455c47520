import { lifeOf, retirementOf } from '@hq-export/contract/lock/current-lock.ts'
import { Refusal } from '../refusal/refusal.ts'

const MS_PER_SECOND = 1000

/**
 * @throws {Refusal} `dataset_retired` (410) for a dataset version that is not taken any more, naming
 * what took its place.
 */
export function assertServed(dataset: string): void {
  const retirement = retirementOf(dataset)
  if (retirement !== undefined) throw new Refusal('dataset_retired', retirement)
}

/**
 * Headers of every answer about a deprecated dataset version: since when it is (RFC 9745), and until
 * when it is served at least (RFC 8594).
 */
export function lifeHeaders(dataset: string): Record<string, string> {
  const { status, deprecation } = lifeOf(dataset)
  if (status !== 'deprecated' || deprecation === null) return {}
  return {
    deprecation: `@${Date.parse(deprecation.date) / MS_PER_SECOND}`,
    sunset: new Date(deprecation.sunset).toUTCString(),
  }
}
