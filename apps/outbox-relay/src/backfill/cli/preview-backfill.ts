import { table } from '@hq-export/runtime/table.ts'
import type pg from 'pg'
import { listBackfills } from '../backfill-record.ts'
import { countRows } from '../estimate.ts'
import type { Pass } from '../pass.ts'
import { relationOf } from '../pass-relation.ts'
import { totalsOf } from '../progress.ts'
import { describeSeconds } from '../progress-meter.ts'
import type { RowSelection } from '../selection.ts'

/** How long counting one pass may take. */
const COUNT_TIMEOUT_MS = 60_000
/** Taken for the rate where no backfill of this database has been completed yet. */
const ASSUMED_ROWS_PER_S = 10_000
/** A shorter one says nothing about the rate. */
const TELLING_MS = 2_000

/** What a backfill would do, as `--dry-run --json` prints it. */
export interface BackfillPreview {
  readonly dry_run: true
  readonly passes: readonly {
    readonly dataset: string
    readonly kind: 'rows' | 'deletes'
    /** Rows that would be sent. */
    readonly rows: number
    /** False where counting took too long, and the planner guesses. */
    readonly exact: boolean
  }[]
  readonly rows: number
  readonly rows_per_s: number
  /** True where no earlier backfill tells the rate. */
  readonly rate_is_assumed: boolean
  readonly expected_s: number
}

async function lastRate(client: pg.ClientBase): Promise<number | undefined> {
  const records = await listBackfills(client)
  const telling = records.find(
    ({ state, progress }) => state === 'completed' && progress.activeMs >= TELLING_MS,
  )
  if (telling === undefined) return undefined
  const { counts } = totalsOf(telling.progress)
  return (counts.received * 1000) / telling.progress.activeMs
}

/**
 * Counts what a backfill would send, and how long that takes at the rate of the last one. Writes
 * nothing.
 * @param countTimeoutMs for each kind of rows; beyond it the planner guesses.
 */
export async function previewBackfill(
  client: pg.ClientBase,
  passes: readonly Pass[],
  selection: RowSelection,
  countTimeoutMs: number = COUNT_TIMEOUT_MS,
): Promise<BackfillPreview> {
  const counted: BackfillPreview['passes'][number][] = []
  for (const pass of passes) {
    const relation = relationOf(pass)
    for (const output of relation.outputs) {
      const { rows, isExact } = await countRows(client, relation, output, selection, countTimeoutMs)
      const kind = output.deleted ? 'deletes' : 'rows'
      counted.push({ dataset: output.dataset.name, kind, rows, exact: isExact })
    }
  }
  const rows = counted.reduce((sum, pass) => sum + pass.rows, 0)
  const rate = await lastRate(client)
  const rowsPerS = Math.max(1, Math.round(rate ?? ASSUMED_ROWS_PER_S))
  return {
    dry_run: true,
    passes: counted,
    rows,
    rows_per_s: rowsPerS,
    rate_is_assumed: rate === undefined,
    expected_s: Math.ceil(rows / rowsPerS),
  }
}

/** A preview for people. */
export function describePreview(preview: BackfillPreview): string {
  const { passes, rows, rows_per_s, rate_is_assumed, expected_s } = preview
  const basis = rate_is_assumed ? 'assumed; no backfill here has told yet' : 'as the last one'
  return [
    table([
      ['dataset', 'what', 'rows'],
      ...passes.map((pass) => [
        pass.dataset,
        pass.kind,
        `${pass.exact ? '' : 'about '}${pass.rows}`,
      ]),
    ]),
    `${rows} rows would be sent, in about ${describeSeconds(expected_s)} at ${rows_per_s} ` +
      `rows/s (${basis}); nothing was written`,
  ].join('\n')
}
