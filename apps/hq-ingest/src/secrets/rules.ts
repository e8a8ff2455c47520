/** One kind of credential, recognised by its shape (after the rules of gitleaks and secretlint). */
export interface SecretRule {
  readonly id: string
  /**
   * Finds it in JSON text without its escapes. Every repetition is bounded, so a search is linear in the text; none
   * crosses the end of a string.
   */
  readonly pattern: RegExp
  /** Bits per character that the secret has at least, where the shape alone would also fit words. */
  readonly minEntropy?: number
  /** Its last characters name it to whoever has to revoke it, and tell nobody else anything. */
  readonly showsLast4?: true
}

/** Not in the middle of a word. */
function token(body: string): RegExp {
  return new RegExp(`(?<![A-Za-z0-9_])${body}`, 'g')
}

/** Every rule, in the order in which they are tried. */
export const SECRET_RULES: readonly SecretRule[] = [
  {
    id: 'private-key',
    pattern: /-----BEGIN[ A-Z0-9_-]{0,40}PRIVATE KEY(?: BLOCK)?-----[^"]{16,8192}/g,
  },
  {
    id: 'aws-access-key',
    pattern: token('(?:A3T[A-Z0-9]|A[KSB]IA|ACCA)[A-Z2-7]{16}(?![A-Z0-9])'),
    minEntropy: 3,
    showsLast4: true,
  },
  {
    id: 'github-token',
    pattern: token('(?:gh[pousr]_[0-9A-Za-z]{36,255}|github_pat_[0-9A-Za-z_]{82})'),
    minEntropy: 3,
    showsLast4: true,
  },
  {
    id: 'stripe-key',
    pattern: token('[sr]k_(?:test|live|prod)_[0-9A-Za-z]{16,247}'),
    minEntropy: 3,
    showsLast4: true,
  },
  {
    id: 'slack-token',
    pattern: token('xox[abeoprs]-[0-9A-Za-z-]{20,255}'),
    minEntropy: 2.5,
    showsLast4: true,
  },
  {
    id: 'google-api-key',
    pattern: token('AIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])'),
    minEntropy: 3,
    showsLast4: true,
  },
  {
    id: 'anthropic-key',
    pattern: token('sk-ant-[a-z]{2,10}[0-9]{2}-[0-9A-Za-z_-]{40,255}'),
    minEntropy: 3,
    showsLast4: true,
  },
  {
    id: 'sendgrid-key',
    pattern: token('SG\\.[0-9A-Za-z_-]{16,64}\\.[0-9A-Za-z_-]{16,64}'),
    minEntropy: 3,
    showsLast4: true,
  },
  {
    id: 'json-web-token',
    pattern: token(
      'eyJ[0-9A-Za-z_-]{10,2048}\\.eyJ[0-9A-Za-z_-]{10,4096}\\.[0-9A-Za-z_-]{10,1024}',
    ),
    showsLast4: true,
  },
  {
    id: 'webhook-key',
    pattern: token('whs(?:ec|k)_[0-9A-Za-z+/]{32,88}={0,2}'),
    minEntropy: 3,
    showsLast4: true,
  },
  {
    id: 'postgres-url',
    // A password that is masked, or stands for one that is filled in, is none.
    pattern: token(
      'postgres(?:ql)?://[^\\s:@/"\'\\\\]{0,128}:(?!\\*+@|[xX]+@|<[^@]{0,64}>@|\\$\\{?\\w{0,64}\\}?@)[^\\s@/"\'\\\\]{1,256}@',
    ),
  },
]
