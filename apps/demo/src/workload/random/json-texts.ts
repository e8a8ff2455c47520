import type { Random } from './random.ts'
import { COMPANY_NAMES } from './texts.ts'

/**
 * A JSON document as text. Written by hand, because JSON.stringify cannot write `1.10` or 20
 * digits, and these are what must arrive.
 */
export function payload(random: Random, label: string): string {
  const name = JSON.stringify(random.pick(COMPANY_NAMES))
  const amounts =
    `"score":1.10,"id":${random.digits(20)},"ratio":0.${random.digits(25)},` +
    `"big":1e${random.integer(20, 30)}`
  const key = JSON.stringify(`k🔑${random.integer(0, 9)}`)
  const nested = `{"deep":{"list":[null,true,"",[],{}],${key}:${name}}}`
  return (
    `{"label":${JSON.stringify(label)},${amounts},"nested":${nested},` +
    '"tags":["a","é","e\\u0301","\\ud83d\\ude80"]}'
  )
}

/** Details of an event; sometimes a scalar, which is a document too, and sometimes none. */
export function metadata(random: Random): string | null {
  switch (random.integer(0, 9)) {
    case 0:
      return null
    case 1:
      return random.pick(['null', '0.10', '"text"', '[]', `${random.digits(20)}`])
    default:
      return (
        `{"attempt":${random.integer(1, 3)},` +
        `"cost":${random.integer(0, 9)}.${random.digits(2)}0,"trace":"${random.hex(16)}"}`
      )
  }
}
