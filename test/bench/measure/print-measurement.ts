import type { Measurement, Scenario } from '../scenario.ts'
import { ratioOf } from './measure-of.ts'

/** What a result says about where it comes from. */
export interface Provenance {
  readonly scenario: Scenario
  readonly machine: string
  readonly versions: Readonly<Record<string, string>>
}

/** A scenario's result, and where it comes from. */
export interface Result {
  readonly measurement: Measurement
  readonly from: Provenance
}

/** The fixed JSON object of a scenario. */
function jsonOf({ measurement, from }: Result): object {
  return {
    scenario: from.scenario.name,
    rows: measurement.rows,
    row_bytes: measurement.rowBytes,
    machine: from.machine,
    versions: from.versions,
    measures: measurement.measures,
  }
}

/** The fixed JSON object, on one line. */
export function printJson(result: Result): string {
  return JSON.stringify(jsonOf(result))
}

/** One JSON object with those of all scenarios, on one line. */
export function printAllJson(results: readonly Result[]): string {
  return JSON.stringify({ scenarios: results.map(jsonOf) })
}

function describeOrigin({ machine, versions }: Provenance): string {
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${machine}; ${names.join(', ')}`
}

function table(rows: readonly (readonly string[])[], separator: string): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(separator),
  )
}

const HEAD = ['measure', 'unit', 'ours', 'anchor', 'ratio', 'anchor is']

function cellsOf({ measures }: Measurement): string[][] {
  return measures.map((measure) => [
    measure.name,
    measure.unit,
    String(measure.ours),
    measure.anchor === null ? '-' : String(measure.anchor),
    ratioOf(measure),
    measure.anchor_name ?? '',
  ])
}

/** The result for people. */
export function printMeasurement({ measurement, from }: Result): string {
  return [
    `${from.scenario.name}: ${measurement.rows} rows of ${measurement.rowBytes} bytes`,
    describeOrigin(from),
    '',
    ...table([HEAD, ...cellsOf(measurement)], '  ').map((line) => line.trimEnd()),
    '',
    ...measurement.notes,
  ].join('\n')
}

/** Every measure of several scenarios in one table, as Markdown. */
export function printAll(results: readonly Result[]): string {
  const rows = results.flatMap(({ measurement, from }) => {
    const what = `${from.scenario.name} ${measurement.rows}`
    return cellsOf(measurement).map((cells) => [what, ...cells])
  })
  const [head = '', ...lines] = table([['scenario, rows', ...HEAD], ...rows], ' | ')
  const origins = new Set(results.map(({ from }) => describeOrigin(from)))
  return [
    ...origins,
    '',
    `| ${head} |`,
    `|-${head.replaceAll(/[^|]/g, '-')}-|`,
    ...lines.map((line) => `| ${line} |`),
  ].join('\n')
}
