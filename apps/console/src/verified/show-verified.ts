import type { ReconciliationState } from '@hq-export/contract'
import { href } from '../page/href.ts'
import { type Content, html } from '../page/html.ts'
import { badge, moment, type Tone } from '../page/text.ts'
import type { Verified } from './read-verified.ts'

const TONES: Readonly<Record<ReconciliationState, Tone>> = {
  equal: 'good',
  different: 'bad',
  repaired: 'warn',
  undecided: 'unknown',
}

/** The state of a comparison in a word. */
export function stateBadge(state: ReconciliationState): Content {
  return badge(TONES[state], state)
}

/** When a dataset was compared last, and what that came to: one fact, and no other. */
export function lastVerified(verified: Verified | undefined): Content {
  if (verified === undefined) return badge('unknown', 'never compared')
  const { state, finishedAt, runId } = verified
  return html`${stateBadge(state)} <a href="${href(['verify', runId])}">${moment(finishedAt)}</a>`
}
