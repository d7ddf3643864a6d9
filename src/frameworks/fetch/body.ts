/**
 * A body that tells of its end.
 * @param ended before the last byte's reader learns of the end; when it rejects the body fails
 * @param left when the reader goes away before, or the source fails
 */
export function followedBody(
  body: ReadableStream<Uint8Array>,
  ended: () => Promise<void>,
  left: () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let next: Awaited<ReturnType<typeof reader.read>>
        try {
          next = await reader.read()
        } catch (error) {
          left()
          throw error
        }
        if (!next.done) return controller.enqueue(next.value)
        await ended()
        controller.close()
      },
      cancel(reason) {
        left()
        return reader.cancel(reason)
      },
    },
    // The source decides what is made ahead, as without us.
    { highWaterMark: 0 },
  )
}
