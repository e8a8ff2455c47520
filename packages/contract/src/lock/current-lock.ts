import lockFile from '../../contract.lock.json' with { type: 'json' }
import releasesFile from '../../releases.json' with { type: 'json' }
import { sha256Of } from './canonical-json.ts'
import { type Lock, type LockedDataset, lockSchema } from './lock.ts'

/*
 * The lock of this build. Not part of the package's index: whoever writes or checks a lock must
 * start where the lock is broken, too.
 */

const lock = lockSchema.parse(lockFile)

/** The lock of this build. */
export const LOCK: Lock = lock

/** Every release of the contract before this build, the oldest first. */
export const RELEASES: readonly (typeof releasesFile)[number][] = releasesFile

/** SHA-256 of the lock of this build; `hq-contract-lock` on the wire. */
export const CONTRACT_LOCK_SHA256 = sha256Of(lock)

/** SHA-256 of this build's lock and of that of every release before it. */
export const KNOWN_LOCKS: ReadonlySet<string> = new Set([
  CONTRACT_LOCK_SHA256,
  ...releasesFile.map(({ lock_sha256 }) => lock_sha256),
])

/** How far a dataset version has come in its life. */
export type DatasetLife = Pick<LockedDataset, 'status' | 'deprecation' | 'retired_on'>

const DRAFT: DatasetLife = { status: 'draft', deprecation: null, retired_on: null }

/** The life of a dataset version by the lock; one that was never frozen is a draft. */
export function lifeOf(dataset: string): DatasetLife {
  return Object.hasOwn(lock.datasets, dataset) ? (lock.datasets[dataset] ?? DRAFT) : DRAFT
}
