/** Values of a statement, each named where it stands. */
export class Parameters {
  readonly values: unknown[] = []
  readonly #types: string[] = []

  /** @returns `$n::type`; the same for the same value, because a snapshot may be long. */
  add(value: unknown, type: string): string {
    const known = this.values.findIndex((other, i) => other === value && this.#types[i] === type)
    if (known !== -1) return `$${known + 1}::${type}`
    this.#types.push(type)
    return `$${this.values.push(value)}::${type}`
  }
}
