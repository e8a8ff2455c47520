import { parseRecord } from '@hq-export/runtime/parse-record.ts'
import { z } from 'zod'
import { type Verdict, verdictSchema } from '../verdict.ts'

/** A report as it is kept, as far as it names itself. */
interface KeptReport {
  readonly day: string
  readonly dataset: string
  readonly verdicts: readonly Verdict[]
}

/** What a report that was read from the database holds. @throws where it cannot be read. */
export function readVerdicts({ day, dataset, verdicts }: KeptReport): readonly Verdict[] {
  return parseRecord(z.array(verdictSchema), verdicts, {
    ...{ name: `the report of ${day}`, table: 'ingest.quality_report', column: 'verdicts' },
    where: `day = '${day}' and dataset = '${dataset}'`,
  })
}
