/** A row as a comparison knows it: no value of it. */
export interface ComparedRow {
  /** Values of the primary key, joined by `/`. */
  readonly key: string
  /** Exported version; null where rows are append-only. */
  readonly version: string | null
  readonly hash: string
  /** Hashes of the columns in the order of the spec; only of rows that were read by key. */
  readonly columns?: readonly string[] | undefined
}

/** A row of the source. */
export interface ComparedSourceRow extends ComparedRow {
  /** By which the source looks it up: the key, or of a snapshot `<org>/<entity_type>/<entity>`. */
  readonly lookUp: string
  readonly orgId: string | null
}

/** A row of HQ. */
export interface ComparedHqRow extends ComparedRow {
  /** Of a snapshot: by which the source looks its entity up, and the version that it is of. */
  readonly entity?: { readonly lookUp: string; readonly version: string } | undefined
  /** Written by a transaction that the source's snapshot does not show. */
  readonly inFlight: boolean
  readonly deleted: boolean
}
