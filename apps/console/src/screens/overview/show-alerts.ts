import type { Condition } from '@hq-export/observability/notifier.ts'
import { href } from '../../page/href.ts'
import { type Html, html } from '../../page/html.ts'
import { table } from '../../page/table.ts'
import { badge, duration } from '../../page/text.ts'

const keyOf = ({ alert, labels = {} }: Condition) => [alert, ...Object.values(labels)].join('.')

/** The conditions that hold, the worst first, each with what to do. */
export function alertsTable(alerts: readonly Condition[]): Html {
  return table<Condition>({
    id: 'alerts-table',
    caption: 'Conditions that hold now, the worst first',
    rows: alerts,
    rowId: keyOf,
    empty: 'None holds. What is late, refused, different or about to end would stand here.',
    columns: [
      {
        title: 'alert',
        show: ({ alert }) => html`<a href="${href(['help', alert])}">${alert}</a>`,
      },
      {
        title: 'severity',
        show: ({ severity }) => badge(severity === 'critical' ? 'bad' : 'warn', severity),
      },
      { title: 'what holds', show: ({ summary }) => summary },
      {
        title: 'told',
        show: ({ forMs }) => (forMs === 0 ? 'at once' : `after it held for ${duration(forMs)}`),
      },
    ],
  })
}
