import { type Share, smoothedShare } from './share.ts'

/** Lanczos' coefficients for g = 7 (Numerical Recipes, 6.1). */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
  -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
  1.5056327351493116e-7,
]
const HALF_LOG_TAU = 0.5 * Math.log(2 * Math.PI)

/** Natural logarithm of n!, also of what is no whole number and above -1. */
function logFactorial(n: number): number {
  const sum = LANCZOS.reduce(
    (total, each, index) => total + (index === 0 ? each : each / (n + index)),
    0,
  )
  const base = n + 7.5
  return HALF_LOG_TAU + (n + 0.5) * Math.log(base) - base + Math.log(sum)
}

function logBeta(a: number, b: number): number {
  return logFactorial(a - 1) + logFactorial(b - 1) - logFactorial(a + b - 1)
}

/**
 * How likely `current` or more is by chance, after what the baseline has shown: the beta-binomial
 * distribution, with Jeffreys' prior. Exact, and it knows how little a small baseline says. 1 for
 * what is at most expected.
 */
export function predictiveTail({ count, of }: Share, baseline: Share): number {
  const hits = baseline.count + 0.5
  const misses = baseline.of - baseline.count + 0.5
  if (count <= of * smoothedShare(baseline)) return 1
  const logTerm =
    logFactorial(of) -
    logFactorial(count) -
    logFactorial(of - count) +
    logBeta(hits + count, misses + of - count) -
    logBeta(hits, misses)
  let term = Math.exp(logTerm)
  let sum = term
  for (let at = count; at < of && term > sum * 1e-12; at++) {
    term *= (((of - at) / (at + 1)) * (at + hits)) / (of - at - 1 + misses)
    sum += term
  }
  return sum
}
