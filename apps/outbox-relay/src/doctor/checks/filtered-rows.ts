import { DATASETS } from '@hq-export/contract'
import { readSettling } from '../../status/read-settling.ts'
import { type Check, ok } from './finding.ts'

/**
 * How many rows were written that the binding's filters leave out: no fault, but nobody else says
 * it.
 */
export const filteredRows: Check = {
  name: 'filtered-rows',
  async examine({ relay, bound }) {
    if ((await bound()) === undefined) return []
    const counts = (await readSettling(await relay())).filter(
      ({ filtered_rows }) => filtered_rows > 0,
    )
    if (counts.length === 0) return ok('every inserted row is under contract')
    return counts.map(({ dataset, filtered_rows }) => {
      const name = DATASETS.find(({ number }) => number === dataset)?.name ?? `dataset ${dataset}`
      return ok(`${name}: ${filtered_rows} inserted rows are outside its filter, not exported`)
    })
  },
}
