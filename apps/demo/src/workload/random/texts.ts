import type { Random } from './random.ts'

/*
 * Names as providers deliver them: every script, characters outside the basic plane, joined emoji,
 * right-to-left text, the same letter composed and decomposed, invisible characters, quotes and
 * backslashes. All of it must arrive as it is.
 */

/** Names of companies. */
export const COMPANY_NAMES = [
  'Acme Holdings Ltd.',
  'Müller & Söhne GmbH',
  'Mu\u0308ller & So\u0308hne GmbH',
  'شركة الخليج للتجارة',
  'חברת "הצפון" בע״מ',
  '東京エレクトロニクス株式会社',
  '한국 소프트웨어 주식회사',
  'ООО «Северный ветер»',
  'Rocket 🚀 Labs 👩🏽‍💻',
  "O'Brien \\ Partners; drop table",
  'Straße\u00a0&\u200bCo\u2028KG',
  'नवभारत उद्योग',
  '𝔉𝔯𝔞𝔨𝔱𝔲𝔯 & 𠮷野家',
  'Tab\there "and" newline\nthere',
] as const

/** Given and family names of people. */
export const PERSON_NAMES = [
  ['Ada', 'Lovelace'],
  ['José', 'García Márquez'],
  ['Jose\u0301', 'Garci\u0301a'],
  ['فاطمة', 'الزهراء'],
  ['יעל', 'כהן'],
  ['美咲', '山田'],
  ['Nguyễn', 'Thị Hồng'],
  ['Zoë 🦄', "D'Angelo"],
  ['Владимир', 'Жуков'],
  ['\u202eReversed', 'Name\u202c'],
  ['Ōsaka', '𠮷田'],
  ['', 'Mononym'],
] as const

/** What went wrong, in the words of those it went wrong for. */
export const ERROR_MESSAGES = [
  'provider answered 503 after 3 attempts',
  'timeout after 30 s 🕒',
  'invalid JSON at "$.data[0]": unexpected \\u escape',
  'limite dépassée; réessayez plus tard',
  'レート制限を超えました',
  '',
] as const

/** One of `values`, or NULL, or the empty text: three different things. */
export function textOrNothing(random: Random, values: readonly string[]): string | null {
  const draw = random.fraction()
  if (draw < 0.1) return null
  if (draw < 0.15) return ''
  return random.pick(values)
}
