import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A section of docs/RUNBOOK.md: one alert. */
export interface RunbookSection {
  /** Name of the alert. */
  readonly name: string
  readonly markdown: string
}

const FILE = join(import.meta.dirname, '..', '..', '..', '..', '..', 'docs', 'RUNBOOK.md')

/** Cuts the runbook into its sections. */
function sectionsOf(text: string): RunbookSection[] {
  const [, ...sections] = text.split(/^## /m)
  return sections.map((section) => {
    const end = section.indexOf('\n')
    return { name: section.slice(0, end).trim(), markdown: section.slice(end + 1).trim() }
  })
}

let known: readonly RunbookSection[] | undefined

/** What the runbook says, read once. */
export function runbook(): readonly RunbookSection[] {
  known ??= sectionsOf(readFileSync(FILE, 'utf8'))
  return known
}
