import { canonicalJson, type Dataset, type Lock } from '@hq-export/contract'
import { CONTRACT_FOLDER, LOCK_FILE } from '../repository/contract-files.ts'
import { renderDatasetTables } from './dataset-tables.ts'
import { replaceGeneratedSection } from './generated-section.ts'
import { hqCheckOf } from './hq-check.ts'
import { jsonSchemaOf } from './json-schema.ts'
import { odcsOf } from './odcs.ts'

export const CONTRACT_DOCUMENT = 'docs/EXPORT_CONTRACT_V1.md'
/** Everything in here is generated; what is not among the artefacts does not belong here. */
export const GENERATED_FOLDER = `${CONTRACT_FOLDER}/generated`

/** A file that is generated and committed. */
export interface Artefact {
  readonly path: string
  readonly text: string
}

/** What is generated from; reading it costs more than generating. */
export interface Sources {
  readonly datasets: readonly Dataset[]
  readonly lock: Lock
  /** The gateway's description of itself, JSON. */
  readonly openApi: string
  /** {@link CONTRACT_DOCUMENT} as it is. */
  readonly contractDocument: string
}

function checksumsOf({ datasets }: Lock): unknown {
  return Object.fromEntries(
    Object.entries(datasets).map(([name, { checksums }]) => [name, checksums]),
  )
}

/** Every artefact of the contract, from the descriptors and the lock alone. */
export function artefactsOf({ datasets, lock, openApi, contractDocument }: Sources): Artefact[] {
  const generated = (name: string, text: string) => ({ path: `${GENERATED_FOLDER}/${name}`, text })
  return [
    { path: LOCK_FILE, text: canonicalJson(lock) },
    {
      path: CONTRACT_DOCUMENT,
      text: replaceGeneratedSection(contractDocument, renderDatasetTables(datasets)),
    },
    ...datasets.map((dataset) =>
      generated(`json-schema/${dataset.name}.json`, canonicalJson(jsonSchemaOf(dataset))),
    ),
    ...Object.keys(lock.datasets).map((name) =>
      generated(`odcs/${name}.odcs.yaml`, odcsOf(name, lock)),
    ),
    generated('openapi.json', canonicalJson(JSON.parse(openApi))),
    generated('checksums.json', canonicalJson(checksumsOf(lock))),
    generated('hq-check.sql', hqCheckOf(lock)),
  ]
}
