import { UUID_PATTERN } from '@hq-export/contract'
import { type Content, html } from '../../page/html.ts'
import { absence, panel } from '../../page/panel.ts'
import type { Page, PageRequest, Screen } from '../../page/screen.ts'
import { commandLine } from '../../page/text.ts'
import { stateBadge } from '../../verified/show-verified.ts'
import { PAGE_FINDINGS, type RunView, readRunOfHq, readRunOfSource } from './read-run.ts'
import { datasetRuns, findingsTable, runFacts, snapshotsTable } from './show-run.ts'

const MAX_LISTED = 10_000

function notFound(id: string): Page {
  return {
    status: 404,
    title: 'No such comparison',
    content: html`<p>Neither side has recorded a comparison ${id}. They are kept for 400 days.</p>`,
  }
}

/** Steps that are commands stand apart, to be copied. */
function nextSteps(next: string): Content {
  return next.split('\n').map((step) => {
    const [said, command] = step.split(/: (?=npm run )/)
    return html`<p>${said}${command === undefined ? '' : ':'}</p>${command === undefined ? '' : commandLine(command)}`
  })
}

function show(run: RunView, from: number): Page {
  return {
    title: `Comparison ${run.id.slice(0, 8)}`,
    sentence: html`${stateBadge(run.state)}${run.reason === null ? '' : ` ${run.reason}`}`,
    content: html`${run.next === undefined ? '' : panel({ id: 'next', title: 'What to do next' }, nextSteps(run.next))}
${panel({ id: 'facts', title: 'What was compared' }, runFacts(run))}
${panel({ id: 'datasets', title: 'Datasets' }, datasetRuns(run))}
${panel({ id: 'findings', title: 'Findings' }, findingsTable(run, from))}
${panel({ id: 'snapshots', title: 'Snapshots' }, snapshotsTable(run))}`,
  }
}

async function read({ hq, dx }: PageRequest, id: string) {
  if (!dx.isConnected) return await hq.read((client) => readRunOfHq(client, id, MAX_LISTED))
  const ofSource = await dx.read((client) => readRunOfSource(client, id))
  // One of another source is known to HQ alone.
  const isKnown = ofSource.state !== 'read' || ofSource.value !== undefined || !hq.isConnected
  return isKnown ? ofSource : await hq.read((client) => readRunOfHq(client, id, MAX_LISTED))
}

/** One comparison of both sides with what it found. */
export const run: Screen = {
  path: '/verify/:run',
  show: async (request) => {
    const id = (request.params.run ?? '').toLowerCase()
    if (!UUID_PATTERN.test(id)) return notFound(id)
    const reading = await read(request, id)
    if (reading.state !== 'read')
      return { title: `Comparison ${id.slice(0, 8)}`, content: absence(reading) }
    const from = Number(/^\d{1,6}$/.exec(request.query.get('from') ?? '')?.[0] ?? 0)
    return reading.value === undefined
      ? notFound(id)
      : show(reading.value, Math.floor(from / PAGE_FINDINGS) * PAGE_FINDINGS)
  },
}
