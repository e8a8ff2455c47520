/** Of idiomorph, which is served beside this code, as much as is used. */
interface Callbacks {
  /** False leaves the attribute as it is. */
  beforeAttributeUpdated?: (name: string, element: Element) => boolean
  /** False leaves the node as it is. */
  beforeNodeMorphed?: (before: Node, after: Node) => boolean
}

export const Idiomorph: {
  morph(
    before: Element,
    after: Element,
    options?: { morphStyle?: 'outerHTML'; ignoreActiveValue?: boolean; callbacks?: Callbacks },
  ): void
}
