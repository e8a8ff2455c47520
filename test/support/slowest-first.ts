import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Folders whose files wait longest: for processes to start, to die, to take over. */
const SLOW_FOLDERS = ['/test/faults/', '/test/e2e/', '/test/integration/', '/test/sql/']

function rankOf({ moduleId }: TestSpecification): number {
  const rank = SLOW_FOLDERS.findIndex((folder) => moduleId.includes(folder))
  return rank === -1 ? SLOW_FOLDERS.length : rank
}

/**
 * A long file that starts last runs alone. The runner's own order is by size where it has not seen
 * them before, and the longest are small.
 */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => rankOf(a) - rankOf(b))
  }
}
