import type { CheckOf } from '@hq-export/runtime/doctor/finding.ts'
import type pg from 'pg'
import type { Binding } from '../../binding/binding-schema.ts'
import type { GeneratedSql } from '../../binding/capture/generate.ts'
import type { SourceTable } from '../../binding/source-table.ts'

/**
 * What the checks of a binding look at: what was recorded, and what this build would make of it
 * today.
 */
export interface BoundState {
  readonly binding: Binding
  /** The command that installs this binding again. */
  readonly bindCommand: string
  /** Everything that forbids to bind the sources as they are now. */
  readonly problems: readonly string[]
  readonly sources: ReadonlyMap<string, SourceTable>
  /** Undefined where the problems are such that nothing can be generated. */
  readonly sql: GeneratedSql | undefined
  /** True where captures fire for each row. */
  readonly isByRow: boolean
}

/** What every check may use. */
export interface Examination {
  /** Session of the login role as it is, search path `pg_catalog`; what `bind` would see. */
  readonly login: pg.Client
  /** Session as `relay -- run` opens it. @throws what opening it throws. */
  readonly relay: () => Promise<pg.Client>
  /** @returns undefined where nothing is bound. */
  readonly bound: () => Promise<BoundState | undefined>
}

/** One thing that can be wrong with a source. */
export type Check = CheckOf<Examination>

export {
  type Finding,
  fail,
  type NamedFinding,
  ok,
  unknown,
  warn,
} from '@hq-export/runtime/doctor/finding.ts'
