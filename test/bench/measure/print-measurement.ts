import type { Measure, Measurement, Scenario } from '../scenario.ts'

/** What a result says about where it comes from. */
export interface Provenance {
  readonly scenario: Scenario
  readonly machine: string
  readonly versions: Readonly<Record<string, string>>
}

/** The fixed JSON object, on one line. */
export function printJson(measurement: Measurement, from: Provenance): string {
  return JSON.stringify({
    scenario: from.scenario.name,
    rows: measurement.rows,
    row_bytes: measurement.rowBytes,
    machine: from.machine,
    versions: from.versions,
    measures: measurement.measures,
  })
}

function ratio({ ours, anchor }: Measure): string {
  return anchor === null ? '' : `${(ours / anchor).toFixed(2)}x`
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
  return rows.map((row) => line(row).trimEnd()).join('\n')
}

/** The result for people. */
export function printMeasurement(measurement: Measurement, from: Provenance): string {
  const versions = Object.entries(from.versions).map(([name, version]) => `${name} ${version}`)
  return [
    `${from.scenario.name}: ${measurement.rows} rows of ${measurement.rowBytes} bytes`,
    `${from.machine}; ${versions.join(', ')}`,
    '',
    table([
      ['measure', 'unit', 'ours', 'anchor', 'ratio', 'anchor is'],
      ...measurement.measures.map((measure) => [
        measure.name,
        measure.unit,
        String(measure.ours),
        measure.anchor === null ? '-' : String(measure.anchor),
        ratio(measure),
        measure.anchor_name ?? '',
      ]),
    ]),
    '',
    ...measurement.notes,
  ].join('\n')
}
