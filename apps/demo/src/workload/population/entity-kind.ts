import type { DatasetName } from '@hq-export/contract'
import type { Random } from '../random/random.ts'
import type { EntityType } from './population.ts'

/**
 * A value as it goes into the one JSON parameter of a statement; all but integers and NULL are
 * text.
 */
export type Field = string | number | null

/** A row of an entity table, by column. */
export type EntityRow = Readonly<Record<string, Field>>

/** One of the two entity tables: its names, and how its values are drawn. */
export interface EntityKind {
  readonly type: EntityType
  readonly dataset: DatasetName
  readonly table: string
  /** Columns that an enrichment writes, with their types. */
  readonly columns: Readonly<Record<string, string>>
  /**
   * Statement that changes content without raising the version, as a migration or a support script
   * does.
   */
  readonly silentChange: string
  /** Values for exactly those columns. */
  readonly draw: (random: Random) => EntityRow
}

/** Columns that name an entity and its state, the same in both tables. */
export const STATE_COLUMNS = {
  org_id: 'uuid',
  entity_id: 'uuid',
  company_id: 'uuid',
  last_run_id: 'uuid',
  record_version: 'bigint',
} as const
