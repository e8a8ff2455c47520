import pg from 'pg'
/** A table that carries triggers: the bound table itself, or a partition below it. */
export interface SourceRelation {
  /** Quoted `schema.table`. */
  readonly sql: string
  /** A partitioned table holds no rows itself. */
  readonly hasStorage: boolean
}

/** A column of a bound table. */
export interface SourceColumn {
  readonly name: string
  /** Its type as SQL, without length or precision. */
  readonly type: string
  /** A generated column that is not stored. */
  readonly isVirtual: boolean
}

/** What the generator has to know of a bound table; read from the catalog by `inspectSources`. */
export interface SourceTable {
  /** `schema.table` as the binding writes it. */
  readonly table: string
  /** Role that owns the table; functions and views on it become its own. */
  readonly owner: string
  /** In their order. */
  readonly columns: readonly SourceColumn[]
  /** The table first, then every partition below it. */
  readonly relations: readonly SourceRelation[]
}

/** True where an update can move a row to another partition, unseen by row triggers. */
export function isPartitioned({ relations }: SourceTable): boolean {
  return relations.some(({ hasStorage }) => !hasStorage)
}

/** In which form its captures fire for each row. */
export function rowFormOf(source: SourceTable): 'plain' | 'partitioned' {
  return isPartitioned(source) ? 'partitioned' : 'plain'
}

/** `schema.table` of a binding as SQL. */
export function tableSql(table: string): string {
  return table.split('.').map(pg.escapeIdentifier).join('.')
}
