import type { Waiver } from '../records/waiver.ts'
import { type Finding, fingerprintOf } from './finding.ts'

/** A finding, and the waiver that lets it pass. */
export interface Judged extends Finding {
  readonly fingerprint: string
  readonly waived?: Waiver
}

/**
 * Findings with their waivers. A waiver that matches nothing, or whose last day has passed, is a
 * finding itself: it would let pass what nobody has looked at. One that has expired lets nothing
 * pass.
 * @param today as `2026-11-28`.
 */
export function applyWaivers(
  findings: readonly Finding[],
  waivers: readonly Waiver[],
  today: string,
): Judged[] {
  const named = findings.map((finding) => ({ ...finding, fingerprint: fingerprintOf(finding) }))
  const matches = (waiver: Waiver, { rule, fingerprint }: Judged) =>
    waiver.fingerprint === fingerprint && waiver.rule === rule
  const judged = named.map((finding): Judged => {
    const waived = waivers.find((waiver) => waiver.expires >= today && matches(waiver, finding))
    return waived === undefined ? finding : { ...finding, waived }
  })
  const about = (rule: 'WAIVER_UNUSED' | 'WAIVER_EXPIRED', waiver: Waiver): Judged => {
    const { fingerprint, expires } = waiver
    const finding = {
      rule,
      subject: 'waivers.json',
      member: fingerprint,
      before: `${waiver.rule} ${fingerprint}`,
      after: rule === 'WAIVER_EXPIRED' ? `expired on ${expires}` : null,
    }
    return { ...finding, fingerprint: fingerprintOf(finding) }
  }
  return [
    ...judged,
    ...waivers.flatMap((waiver) => {
      if (!named.some((finding) => matches(waiver, finding)))
        return [about('WAIVER_UNUSED', waiver)]
      return waiver.expires < today ? [about('WAIVER_EXPIRED', waiver)] : []
    }),
  ]
}
