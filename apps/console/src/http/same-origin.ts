/** Why a request that would change something is not taken. */
export type CrossOrigin = 'other site' | 'unknown site' | 'no form'

const FORM_TYPE = 'application/x-www-form-urlencoded'

/**
 * Whether a request that changes something was made by a page of ours (CSRF). A browser says so in
 * `Sec-Fetch-Site` (Fetch Metadata); where it does not, as without TLS off loopback, `Origin` must
 * be the address of the console (RFC 6454). Without either it is refused: other programs have the
 * command lines.
 * @param header of the request, by its name in lower case.
 * @param origin of the console, where people reach it.
 * @returns undefined where it is ours.
 */
export function findCrossOrigin(
  header: (name: string) => string | undefined,
  origin: string,
): CrossOrigin | undefined {
  const site = header('sec-fetch-site')
  const from = header('origin')
  if (site === undefined && from === undefined) return 'unknown site'
  if (site !== undefined && site !== 'same-origin') return 'other site'
  if (site === undefined && from !== origin) return 'other site'
  const [type = ''] = (header('content-type') ?? '').split(';')
  return type.trim().toLowerCase() === FORM_TYPE ? undefined : 'no form'
}

/**
 * Whether a page of another site reads one of ours as something other than a link that somebody
 * follows: as a picture, a frame, or by a script (W3C's resource isolation policy). It could not
 * see what it got. Browsers that send no Fetch Metadata are not known from others.
 * @param header of the request, by its name in lower case.
 */
export function isReadByOtherSite(header: (name: string) => string | undefined): boolean {
  const site = header('sec-fetch-site')
  if (site === undefined || site === 'same-origin' || site === 'none') return false
  return header('sec-fetch-mode') !== 'navigate' || header('sec-fetch-dest') !== 'document'
}
