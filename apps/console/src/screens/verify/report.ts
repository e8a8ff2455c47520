import { UUID_PATTERN } from '@hq-export/contract'
import { readReconciliation } from '@hq-export/outbox-relay/reconcile/record/reconciliation-record.ts'
import {
  REPORT_FORMATS,
  type ReportFormat,
  report,
} from '@hq-export/outbox-relay/reconcile/report/report.ts'
import type { Download } from '../../page/download.ts'
import { html } from '../../page/html.ts'
import { absence } from '../../page/panel.ts'
import type { Page } from '../../page/screen.ts'

const FILES: Readonly<Record<ReportFormat, readonly [ending: string, type: string]>> = {
  html: ['html', 'text/html; charset=utf-8'],
  json: ['json', 'application/json; charset=utf-8'],
  junit: ['xml', 'application/xml; charset=utf-8'],
}

function missing(text: string): Page {
  return { status: 404, title: 'No such report', content: html`<p>${text}</p>` }
}

/** A comparison as `relay -- reconcile report` makes it. */
export const reconciliationReport: Download = {
  path: '/verify/:run/report',
  make: async ({ dx, params, query }) => {
    const id = (params.run ?? '').toLowerCase()
    const format = REPORT_FORMATS.find((name) => name === (query.get('format') ?? 'html'))
    if (format === undefined) return missing(`A report is ${REPORT_FORMATS.join(', ')}.`)
    if (!UUID_PATTERN.test(id)) return missing('The address names no comparison.')
    const reading = await dx.read((client) => readReconciliation(client, id))
    if (reading.state !== 'read') return { title: 'No report', content: absence(reading) }
    if (reading.value === undefined) return missing(`There is no comparison ${id}.`)
    const [ending, type] = FILES[format]
    return {
      name: `reconciliation-${id}.${ending}`,
      type,
      body: await report(reading.value, format),
    }
  },
}
