import type { ReconciliationRecord } from '../record/reconciliation-record.ts'
import { runFactsWithFindings } from './run-facts.ts'

/** A page without a script, the stored run, test cases. */
export const REPORT_FORMATS = ['html', 'json', 'junit'] as const
export type ReportFormat = (typeof REPORT_FORMATS)[number]

/** A reconciliation as a file. */
export async function report(record: ReconciliationRecord, format: ReportFormat): Promise<string> {
  switch (format) {
    case 'html':
      return (await import('./html-report.ts')).htmlReport(record)
    case 'junit':
      return (await import('./junit-report.ts')).junitReport(record)
    case 'json':
      return JSON.stringify(runFactsWithFindings(record))
    default:
      return format satisfies never
  }
}
