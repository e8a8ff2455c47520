/** Where the entities are whose versions are kept as snapshots, by `entity_type`. */
export const ENTITY_DATASETS = [
  { type: 'company', name: 'dx_company_entities_v1' },
  { type: 'person', name: 'dx_person_entities_v1' },
] as const

/** The dataset whose rows are versions of entities. */
export const SNAPSHOTS = 'dx_entity_snapshots_v1'
