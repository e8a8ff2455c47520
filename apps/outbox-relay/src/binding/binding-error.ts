/** A binding that cannot be installed, with everything that is wrong with it. */
export class BindingError extends Error {
  override readonly name = 'BindingError'
  /** One sentence per problem, each naming its dataset, table or column. */
  readonly problems: readonly string[]

  constructor(binding: string, problems: readonly string[]) {
    super(`binding ${binding} cannot be installed:\n${problems.map((p) => `- ${p}`).join('\n')}`)
    this.problems = problems
  }
}
