import { payload } from '../random/json-texts.ts'
import { decimal, moment } from '../random/numbers.ts'
import { COMPANY_NAMES, textOrNothing } from '../random/texts.ts'
import type { EntityKind } from './entity-kind.ts'

const INDUSTRIES = ['Software', 'Maschinenbau', 'المصارف', '半導体', 'Retail & Wholesale'] as const
const REVENUE_BANDS = ['<1M', '1M-10M', '10M-100M', '>100M'] as const
const COUNTRIES = ['DE', 'JP', 'US', 'Côte d’Ivoire', 'IL', 'AE'] as const
const PRIORITIES = ['prospeo,apollo', 'apollo>clearbit', 'manual'] as const
const MAX_INT4 = 2_147_483_647

/** Companies. */
export const COMPANY_KIND: EntityKind = {
  type: 'company',
  dataset: 'dx_company_entities_v1',
  table: 'entities.company_entities',
  columns: {
    canonical_name: 'text',
    canonical_domain: 'text',
    linkedin_url: 'text',
    linkedin_page_id: 'text',
    industry: 'text',
    employee_count: 'integer',
    revenue_band: 'text',
    hq_country: 'text',
    enrichment_confidence: 'numeric',
    last_enriched_at: 'timestamptz',
    last_operation_id: 'text',
    source_priority: 'text',
    canonical_payload: 'text',
  },
  silentChange:
    `industry = case when industry = 'Unsorted ✓' then null else 'Unsorted ✓' end, ` +
    'employee_count = null',
  draw(random) {
    // A company without a name is rare, as the contract wants it.
    const name = random.chance(0.05) ? null : random.pick(COMPANY_NAMES)
    const slug = random.hex(10)
    return {
      canonical_name: name,
      canonical_domain: textOrNothing(random, [`${slug}.example`, `xn--${slug}.example`]),
      linkedin_url: textOrNothing(random, [`https://linkedin.example/company/${slug}`]),
      linkedin_page_id: textOrNothing(random, [random.digits(18)]),
      industry: textOrNothing(random, INDUSTRIES),
      employee_count: random.chance(0.1)
        ? null
        : random.pick([0, 1, random.integer(2, 500_000), MAX_INT4]),
      revenue_band: textOrNothing(random, REVENUE_BANDS),
      hq_country: textOrNothing(random, COUNTRIES),
      enrichment_confidence: random.chance(0.1) ? null : decimal(random),
      last_enriched_at: random.chance(0.1) ? null : moment(random),
      last_operation_id: 'company.enrich.profile',
      source_priority: textOrNothing(random, PRIORITIES),
      canonical_payload: payload(random, name ?? slug),
    }
  },
}
