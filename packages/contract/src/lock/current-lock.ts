import lockFile from '../../contract.lock.json' with { type: 'json' }
import releasesFile from '../../releases.json' with { type: 'json' }
import { sha256Of } from './canonical-json.ts'
import { type Lock, type LockedDataset, lockSchema } from './lock.ts'

/*
 * The lock of this build. Not part of the package's index: whoever writes or checks a lock must
 * start where the lock is broken, too. Read once, by whoever asks first: most commands do not.
 */

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

/** The lock of this build. */
export const currentLock = once((): Lock => lockSchema.parse(lockFile))

/** Every release of the contract before this build, the oldest first. */
export const RELEASES: readonly (typeof releasesFile)[number][] = releasesFile

/** SHA-256 of the lock of this build; `hq-contract-lock` on the wire. */
export const contractLockSha256 = once(() => sha256Of(currentLock()))

/** SHA-256 of this build's lock and of that of every release before it. */
export const knownLocks = once(
  (): ReadonlySet<string> =>
    new Set([contractLockSha256(), ...releasesFile.map(({ lock_sha256 }) => lock_sha256)]),
)

/** How far a dataset version has come in its life. */
export type DatasetLife = Pick<LockedDataset, 'status' | 'deprecation' | 'retired_on'>

const DRAFT: DatasetLife = { status: 'draft', deprecation: null, retired_on: null }

/** The life of a dataset version by the lock; one that was never frozen is a draft. */
export function lifeOf(dataset: string): DatasetLife {
  const { datasets } = currentLock()
  return Object.hasOwn(datasets, dataset) ? (datasets[dataset] ?? DRAFT) : DRAFT
}

/** That a dataset version is taken no more, in a sentence; undefined while it is. */
export function retirementOf(dataset: string): string | undefined {
  const { status, deprecation, retired_on: retiredOn } = lifeOf(dataset)
  if (status !== 'retired') return undefined
  const successors = deprecation?.successors.join(', ') ?? ''
  return `${dataset} was retired on ${retiredOn}, and its place took ${successors}`
}
