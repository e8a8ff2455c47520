import { DATASETS } from '@hq-export/contract'
import type { DatasetGlance } from '@hq-export/outbox-relay/observe/glance.ts'
import { COUNT_LIMIT } from '../../page/text.ts'
import type { Verified } from '../../verified/read-verified.ts'
import type { HqView } from './read-hq.ts'
import type { SourceView } from './read-source.ts'

/** Both sides, each undefined where it could not be asked. */
export interface Sides {
  readonly hq: HqView | undefined
  readonly source: SourceView | undefined
}

/** Why a row did not arrive, and when that was last. */
export interface LastError {
  readonly code: string
  /** ISO 8601. */
  readonly at: string
}

/** What is known of a dataset; undefined where nobody could be asked. */
export interface DatasetFacts {
  readonly dataset: string
  /** Seconds; null while nobody knows. */
  readonly lagSeconds: number | null | undefined
  readonly glance: DatasetGlance | undefined
  /** Open ones, dead letters and quarantine being two sides of one row. */
  readonly refused: { readonly rows: number; readonly hasMore: boolean } | undefined
  /** undefined where it was never compared as a whole. */
  readonly verified: Verified | undefined
  readonly lastError: LastError | undefined
}

function lagOf(dataset: string, { hq, source }: Sides): number | null | undefined {
  const complete = hq?.complete.filter((row) => row.dataset === dataset)
  if (complete !== undefined && complete.length > 0) {
    const lags = complete.map(({ lagSeconds }) => lagSeconds)
    // One of which nobody knows makes all of it unknown.
    return lags.includes(null) ? null : Math.max(...lags.map((lag) => lag ?? 0))
  }
  const oldest = source?.glance.datasets.find((row) => row.dataset === dataset)?.oldest_age_s
  if (oldest !== undefined && oldest !== null) return oldest
  return hq === undefined && source === undefined ? undefined : null
}

function refusedOf(dataset: string, { hq, source }: Sides): DatasetFacts['refused'] {
  const glance = source?.glance.datasets.find((row) => row.dataset === dataset)
  const inHq = hq?.refused.filter((row) => row.dataset === dataset).map(({ rows }) => rows)
  if (glance === undefined && inHq === undefined) return undefined
  const quarantined = (inHq ?? []).reduce((sum, rows) => sum + rows, 0)
  const rows = Math.max(glance?.dead_letters ?? 0, quarantined)
  return {
    rows: Math.min(rows, COUNT_LIMIT),
    hasMore: rows > COUNT_LIMIT || glance?.has_more_dead_letters === true,
  }
}

function lastErrorOf(dataset: string, { hq, source }: Sides): LastError | undefined {
  const letter = source?.glance.datasets.find((row) => row.dataset === dataset)?.newest_dead_letter
  const errors: LastError[] = [
    ...(letter == null ? [] : [{ code: letter.reason, at: letter.last_failed_at }]),
    ...(hq?.refused ?? [])
      .filter((row) => row.dataset === dataset)
      .map(({ code, lastSeenAt }) => ({ code, at: lastSeenAt })),
  ]
  return errors.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at))[0]
}

/** Everything that is known of each dataset, whichever side says it. */
export function datasetFacts(sides: Sides): DatasetFacts[] {
  // What data-engine-x has recorded is what HQ is told later.
  const verified = sides.source?.verified ?? sides.hq?.verified ?? []
  return DATASETS.map(({ name }) => ({
    dataset: name,
    lagSeconds: lagOf(name, sides),
    glance: sides.source?.glance.datasets.find(({ dataset }) => dataset === name),
    refused: refusedOf(name, sides),
    verified: verified.find(({ dataset }) => dataset === name),
    lastError: lastErrorOf(name, sides),
  }))
}
