import { DATASETS, type Dataset } from '@hq-export/contract'

/**
 * Builds something for every dataset now, so that no request pays for it; the result looks it up.
 */
export function perDataset<Built>(build: (dataset: Dataset) => Built): (dataset: Dataset) => Built {
  const built = new Map(DATASETS.map((dataset: Dataset) => [dataset.name, build(dataset)]))
  return ({ name }) => {
    const found = built.get(name)
    if (found === undefined) throw new RangeError(`nothing was built for ${name}`)
    return found
  }
}
