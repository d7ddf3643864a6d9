/** An item of the heap. `position` is the heap's own: where the item stands. */
export interface Timed {
  deadline: number
  position: number
}

/**
 * Binary heap, the earliest deadline first. Each item knows its position, so a changed deadline
 * moves the item in place: touching a session a million times leaves no garbage behind.
 */
export class ExpiryHeap<T extends Timed> {
  readonly #items: T[] = []

  get first(): T | undefined {
    return this.#items[0]
  }

  add(item: T): void {
    item.position = this.#items.length
    this.#items.push(item)
    this.#rise(item)
  }

  /** To be called after the item's deadline was changed. */
  moved(item: T): void {
    this.#rise(item)
    this.#sink(item)
  }

  remove(item: T): void {
    const last = this.#items.pop()
    if (last === undefined || last === item) return
    this.#set(last, item.position)
    this.moved(last)
  }

  clear(): void {
    this.#items.length = 0
  }

  #rise(item: T): void {
    while (item.position > 0) {
      const at = (item.position - 1) >> 1
      const parent = this.#items[at] as T
      if (parent.deadline <= item.deadline) return
      this.#set(parent, item.position)
      this.#set(item, at)
    }
  }

  #sink(item: T): void {
    for (;;) {
      const child = this.#earlierChild(item.position)
      if (child === undefined || child.deadline >= item.deadline) return
      const at = child.position
      this.#set(child, item.position)
      this.#set(item, at)
    }
  }

  #earlierChild(position: number): T | undefined {
    const left = this.#items[2 * position + 1]
    const right = this.#items[2 * position + 2]
    if (left === undefined || right === undefined) return left
    return right.deadline < left.deadline ? right : left
  }

  #set(item: T, position: number): void {
    item.position = position
    this.#items[position] = item
  }
}
