import type { BatchResult } from '@hq-export/contract'
import type { Batch } from './batch.ts'

/** Why the rows of a batch are not delivered: one that is alone in it, or all of a dataset. */
export type UndeliveredReason =
  /** HQ does not take a row of this size. */
  | 'too_large'
  /** No request that carries it is answered. */
  | 'unanswered'
  /** HQ, or somebody between us and HQ, refuses it outright. */
  | 'blocked'
  /** HQ cannot write it now: to be tried again, beside the others. */
  | 'not_in_time'
  /** HQ takes no row of this dataset version any more. */
  | 'dataset_retired'

/** What has become of every row of a batch. */
export type DecidedOutcome =
  /** HQ has decided every row. */
  | { readonly kind: 'accepted'; readonly answer: BatchResult }
  /** No row of the batch can be delivered, or not now. */
  | { readonly kind: 'undelivered'; readonly reason: UndeliveredReason; readonly detail: string }

/** What the delivery of a batch came to. */
export type BatchOutcome =
  | DecidedOutcome
  /** Nothing is decided yet: it has to be delivered in pieces. */
  | {
      readonly kind: 'cut'
      readonly pieces: readonly Batch[]
      /** True where a row is waited for in HQ: no piece must then wait for another. */
      readonly isWaitedFor: boolean
      /** Batches of the dataset that HQ had accepted when the rows were first tried. */
      readonly acceptedBefore: number
    }
