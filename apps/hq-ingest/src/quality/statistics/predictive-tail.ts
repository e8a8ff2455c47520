/** Lanczos' coefficients for g = 7 (Numerical Recipes, 6.1). */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
  -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
  1.5056327351493116e-7,
]
const HALF_LOG_TAU = 0.5 * Math.log(2 * Math.PI)

/** Natural logarithm of n!. */
function logFactorial(n: number): number {
  const sum = LANCZOS.reduce(
    (total, each, index) => total + (index === 0 ? each : each / (n + index)),
    0,
  )
  const base = n + 7.5
  return HALF_LOG_TAU + (n + 0.5) * Math.log(base) - base + Math.log(sum)
}

/**
 * How likely at least `count` of `of` are, where each is with this probability; exactly, down from
 * where the counts are rare. 1 for what is at most the mean.
 */
export function binomialTail(count: number, of: number, probability: number): number {
  if (count <= of * probability) return 1
  const logTerm =
    logFactorial(of) -
    logFactorial(count) -
    logFactorial(of - count) +
    count * Math.log(probability) +
    (of - count) * Math.log1p(-probability)
  const odds = probability / (1 - probability)
  let term = Math.exp(logTerm)
  let sum = term
  for (let at = count + 1; at <= of && term > sum * 1e-12; at++) {
    term *= ((of - at + 1) / at) * odds
    sum += term
  }
  return sum
}
