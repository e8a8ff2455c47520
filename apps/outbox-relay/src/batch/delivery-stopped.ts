/** The relay is stopping; the batch is unsettled and will be sent again. */
export class DeliveryStoppedError extends Error {
  override readonly name = 'DeliveryStoppedError'
}
