import type { Socket } from 'node:net'
import { TcpProxy } from '../../support/network/tcp-proxy.ts'

/** Stands before a database that goes away and comes back, as the test says. */
export class SwitchedProxy extends TcpProxy {
  readonly #open: Set<Socket>
  readonly #state: { isUp: boolean }

  private constructor(targetUrl: string) {
    const open = new Set<Socket>()
    const state = { isUp: true }
    super(targetUrl, (inside, outside) => {
      if (!state.isUp) {
        inside.destroy()
        return
      }
      open.add(inside)
      inside.on('close', () => open.delete(inside))
      inside.pipe(outside)
      outside.pipe(inside)
    })
    this.#open = open
    this.#state = state
  }

  static create(targetUrl: string): Promise<SwitchedProxy> {
    return new SwitchedProxy(targetUrl).listen()
  }

  goDown(): void {
    this.#state.isUp = false
    for (const socket of this.#open) socket.destroy()
  }

  comeBack(): void {
    this.#state.isUp = true
  }
}
