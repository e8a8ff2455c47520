import type { Dataset } from '@hq-export/contract'
import type { BoundDataset } from '../binding/binding-schema.ts'
import type { RawSource } from '../reexport/raw-source.ts'
import type { RawVersion } from '../reexport/raw-version.ts'
import type { SourceRow } from '../reexport/read-source-row.ts'
import type { PastVersion } from './past-version.ts'

/** What a replay needs to know of a dead letter. */
export interface ReplayableLetter {
  readonly id: string
  readonly dataset: string
  readonly key: string | null
  readonly reason: string
  readonly deleted: boolean
  readonly traceparent: string | null
  readonly body: string | null
  /** Transaction that captured the row. */
  readonly xid: string
}

/** One kind of {@link ReplayPlan}. */
export type Plan<Kind extends ReplayPlan['kind']> = Extract<ReplayPlan, { kind: Kind }>

/** What a replay of one dead letter does. */
export type ReplayPlan =
  /** The source has the row: as it is now. */
  | { readonly kind: 'current'; readonly dataset: Dataset; readonly row: SourceRow }
  /** The source has it no more, and what HQ was sent is all there is to say of it. */
  | {
      readonly kind: 'stored'
      readonly dataset: Dataset
      readonly key: string
      readonly body: string
      /** As the last state of an entity that is gone. */
      readonly deleted: boolean
    }
  /**
   * A version of an entity, as its snapshot, that HQ holds with other content; and with it the
   * entity: as it is now, or as deleted.
   */
  | {
      readonly kind: 'version'
      readonly snapshot: PastVersion
      readonly entity: Plan<'current'> | Plan<'stored'>
    }
  /**
   * The source has it no more, and it was never projected: by the trigger's own SQL, from the raw
   * row.
   */
  | {
      readonly kind: 'raw'
      readonly bound: BoundDataset
      readonly source: RawSource
      readonly raw: string
    }
  /**
   * A version that was replaced before it was exported, and never projected: by the trigger's own
   * SQL.
   */
  | { readonly kind: 'raw-version'; readonly version: RawVersion }
  /** The entity was deleted since, and its delete is a row of its own. */
  | { readonly kind: 'gone' }
  /** Nothing can be sent; `why` says what helps, and holds no value. */
  | { readonly kind: 'refused'; readonly why: string }
