import type { Reading } from '../../db/side.ts'
import { windowForm, windowOf } from '../../flow/window.ts'
import { html } from '../../page/html.ts'
import { absence, panel, readPanel } from '../../page/panel.ts'
import type { Screen } from '../../page/screen.ts'
import { alertsThatHold } from './alerts.ts'
import { datasetFacts } from './dataset-facts.ts'
import { readHq } from './read-hq.ts'
import { readSource } from './read-source.ts'
import { sentence } from './sentence.ts'
import { alertsTable } from './show-alerts.ts'
import { datasetsTable } from './show-datasets.ts'
import { gateways, relays } from './show-programs.ts'

function readValue<T>(reading: Reading<T>): T | undefined {
  return reading.state === 'read' ? reading.value : undefined
}

function missing(reading: Reading<unknown>) {
  return reading.state === 'read' ? '' : absence(reading)
}

/** Is anything late, refused or different? */
export const overview: Screen = {
  path: '/',
  nav: { title: 'Overview', key: 'o' },
  show: async ({ hq, dx, query }) => {
    const window = windowOf(query)
    const [hqReading, dxReading] = await Promise.all([
      hq.read((client) => readHq(client, window)),
      dx.read(readSource),
    ])
    const sides = { hq: readValue(hqReading), source: readValue(dxReading) }
    const datasets = datasetFacts(sides)
    const alerts = alertsThatHold(sides)
    const readings = [
      { name: hq.name, reading: hqReading },
      { name: dx.name, reading: dxReading },
    ]
    return {
      title: 'Overview',
      sentence: sentence({ readings, alerts, datasets }),
      content: html`${missing(hqReading)}${missing(dxReading)}
${panel({ id: 'datasets', title: 'Datasets' }, html`${windowForm(window)}${datasetsTable(datasets, sides, window)}`)}
${panel({ id: 'alerts', title: 'Alerts that hold' }, alertsTable(alerts))}
${readPanel({ id: 'relays', title: 'Relays' }, dxReading, relays)}
${readPanel({ id: 'gateways', title: 'Gateways and keys' }, hqReading, gateways)}`,
    }
  },
}
