import { nextWebToken } from './next-web-token.ts'

/** Where a text has the shape of a credential: start (inclusive) and end (exclusive). */
export interface Shape {
  readonly start: number
  readonly end: number
}

/** One kind of credential, recognised by its shape (after the rules of gitleaks and secretlint). */
export interface SecretRule {
  readonly id: string
  /**
   * The first text from `from` on that has its shape, in JSON text without its escapes; none
   * crosses the end of a string. Searching a text from end to end is linear, with a factor of a few
   * dozen at worst (a test feeds each its own worst case).
   */
  readonly next: (text: string, from: number) => Shape | undefined
  /**
   * Bits per character that the secret has at least, where the shape alone would also fit words.
   */
  readonly minEntropy?: number
  /** Its last characters name it to whoever has to revoke it, and tell nobody else anything. */
  readonly showsLast4?: true
}

/**
 * A rule as a pattern. What a start that fails has looked at is bounded by a few hundred
 * characters, and no two dozen starts share one of them; where that cannot be had, the rule is a
 * search of its own.
 */
function pattern(source: RegExp): SecretRule['next'] {
  const global = new RegExp(source, 'g')
  return (text, from) => {
    global.lastIndex = from
    const match = global.exec(text)
    return match === null ? undefined : { start: match.index, end: global.lastIndex }
  }
}

/** Not in the middle of a word. */
function token(body: string): SecretRule['next'] {
  return pattern(new RegExp(`(?<![A-Za-z0-9_])${body}`))
}

/** Every rule, in the order in which they are tried. */
export const SECRET_RULES: readonly SecretRule[] = [
  {
    id: 'private-key',
    next: pattern(/-----BEGIN[ A-Z0-9_-]{0,40}PRIVATE KEY(?: BLOCK)?-----[^"]{16,8192}/),
  },
  {
    id: 'aws-access-key',
    next: token('(?:A3T[A-Z0-9]|A[KSB]IA|ACCA)[A-Z2-7]{16}(?![A-Z0-9])'),
    minEntropy: 3,
    showsLast4: true,
  },
  {
    id: 'github-token',
    next: token('(?:gh[pousr]_[0-9A-Za-z]{36,255}|github_pat_[0-9A-Za-z_]{82})'),
    minEntropy: 3,
    showsLast4: true,
  },
  {
    id: 'stripe-key',
    next: token('[sr]k_(?:test|live|prod)_[0-9A-Za-z]{16,247}'),
    minEntropy: 3,
    showsLast4: true,
  },
  {
    id: 'slack-token',
    next: token('xox[abeoprs]-[0-9A-Za-z-]{20,255}'),
    minEntropy: 2.5,
    showsLast4: true,
  },
  {
    id: 'google-api-key',
    next: token('AIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])'),
    minEntropy: 3,
    showsLast4: true,
  },
  {
    id: 'anthropic-key',
    next: token('sk-ant-[a-z]{2,10}[0-9]{2}-[0-9A-Za-z_-]{40,255}'),
    minEntropy: 3,
    showsLast4: true,
  },
  {
    id: 'sendgrid-key',
    next: token('SG\\.[0-9A-Za-z_-]{16,64}\\.[0-9A-Za-z_-]{16,64}'),
    minEntropy: 3,
    showsLast4: true,
  },
  {
    id: 'json-web-token',
    next: nextWebToken,
    showsLast4: true,
  },
  {
    id: 'webhook-key',
    next: token('whs(?:ec|k)_[0-9A-Za-z+/]{32,88}={0,2}'),
    minEntropy: 3,
    showsLast4: true,
  },
  {
    id: 'postgres-url',
    // A password that is masked, or stands for one that is filled in, is none.
    next: token(
      'postgres(?:ql)?://[^\\s:@/"\'\\\\]{0,128}:(?!\\*+@|[xX]+@|<[^@]{0,64}>@|\\$\\{?\\w{0,64}\\}?@)[^\\s@/"\'\\\\]{1,256}@',
    ),
  },
]
