import { payload } from '../random/json-texts.ts'
import { decimal, moment } from '../random/numbers.ts'
import { PERSON_NAMES, textOrNothing } from '../random/texts.ts'
import type { EntityKind } from './entity-kind.ts'

const TITLES = ['CTO', 'Geschäftsführerin', '営業部長', 'Head of “Growth” 📈', 'مدير عام'] as const
const SENIORITIES = ['c_level', 'vp', 'director', 'manager', 'entry'] as const
const DEPARTMENTS = ['engineering', 'sales', 'Finanzen', '人事'] as const
const EMAIL_STATUSES = ['verified', 'catch_all', 'invalid', 'unknown'] as const

/** People. */
export const PERSON_KIND: EntityKind = {
  type: 'person',
  dataset: 'dx_person_entities_v1',
  table: 'entities.person_entities',
  columns: {
    full_name: 'text',
    first_name: 'text',
    last_name: 'text',
    linkedin_url: 'text',
    title: 'text',
    seniority: 'text',
    department: 'text',
    work_email: 'text',
    email_status: 'text',
    phone_e164: 'text',
    contact_confidence: 'numeric',
    last_enriched_at: 'timestamptz',
    last_operation_id: 'text',
    canonical_payload: 'text',
  },
  silentChange: `email_status = 'stale', contact_confidence = contact_confidence + 0.10`,
  draw(random) {
    const [first, last] = random.pick(PERSON_NAMES)
    const slug = random.hex(10)
    return {
      full_name: random.chance(0.15) ? null : `${first} ${last}`.trim(),
      first_name: first,
      last_name: last,
      linkedin_url: textOrNothing(random, [`https://linkedin.example/in/${slug}`]),
      title: textOrNothing(random, TITLES),
      seniority: textOrNothing(random, SENIORITIES),
      department: textOrNothing(random, DEPARTMENTS),
      work_email: textOrNothing(random, [`${slug}@example.org`]),
      email_status: textOrNothing(random, EMAIL_STATUSES),
      phone_e164: textOrNothing(random, [`+${random.digits(12)}`]),
      contact_confidence: random.chance(0.1) ? null : decimal(random),
      last_enriched_at: random.chance(0.1) ? null : moment(random),
      last_operation_id: 'person.enrich.contact',
      canonical_payload: payload(random, first),
    }
  },
}
