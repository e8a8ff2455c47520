import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Connections beyond the limit that may be open while those that make room for them close. */
const SPARE = 64

/**
 * Lets nobody hold the door: where there are more connections than there may be, the oldest that no
 * key has proven itself on ends, whatever it does or waits for. A producer's stays from its first
 * batch on.
 */
export class Connections {
  readonly #maxConnections: number
  /** No key has proven itself on these yet. The oldest first. */
  readonly #strangers = new Set<Socket>()
  /** Key that signed what came last. */
  readonly #trusted = new Map<Socket, string>()

  constructor(maxConnections: number) {
    this.#maxConnections = maxConnections
  }

  /** Watches the connections of a server that does not listen yet. */
  watch(server: Server): void {
    server.maxConnections = this.#maxConnections + SPARE
    server.on('connection', (socket: Socket) => this.#connected(socket))
  }

  /** Notes that a key of ours has signed what came over a connection. */
  trust(socket: Socket, keyId: string): void {
    if (this.#strangers.delete(socket) || this.#trusted.has(socket))
      this.#trusted.set(socket, keyId)
  }

  /** The key that signed what came over a connection last. */
  keyIdOf(socket: Socket): string | undefined {
    return this.#trusted.get(socket)
  }

  #connected(socket: Socket): void {
    this.#strangers.add(socket)
    socket.once('close', () => this.#forget(socket))
    if (this.#strangers.size + this.#trusted.size <= this.#maxConnections) return
    // Itself, where all others have a key.
    const [oldest = socket] = this.#strangers
    this.#forget(oldest)
    oldest.destroy()
  }

  #forget(socket: Socket): void {
    this.#strangers.delete(socket)
    this.#trusted.delete(socket)
  }
}
