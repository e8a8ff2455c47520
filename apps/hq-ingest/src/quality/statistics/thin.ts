import type { Share } from './share.ts'

/**
 * Rows that come in bursts say as much as fewer rows would that come one by one.
 * @param dispersion by how much windows differ more than by chance, at least 1.
 */
export function thin({ count, of }: Share, dispersion: number): Share {
  return { count: Math.round(count / dispersion), of: Math.round(of / dispersion) }
}
