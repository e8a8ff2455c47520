import type { Lock } from '@hq-export/contract'
import type { Consumer } from '@hq-export/contract/lock/consumers.ts'
import type { Release } from './release.ts'

/** Everything that is governed, as it is in one commit or in the working tree. */
export interface ContractState {
  readonly lock: Lock
  readonly releases: readonly Release[]
  readonly consumers: readonly Consumer[]
  /** Texts of `locks/`, by the name of the file. */
  readonly frozen: Readonly<Record<string, string>>
}
