export const $ = (id) => document.getElementById(id)

/** Makes an element. Text is always text: nothing of a user's is ever read as markup. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else element.setAttribute(name === 'className' ? 'class' : name, value === true ? '' : value)
  }
  element.append(...children.filter((child) => child !== undefined))
  return element
}

/** Sets the text only where it changes: a screen reader is not told the same again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/**
 * Brings a list up to date and keeps the elements of what stays, and with them the focus.
 * @param parent its children are the list
 * @param items anything
 * @param {(item: any) => string} keyOf
 * @param {(item: any) => HTMLElement} make
 * @param {(element: any, item: any) => void} update
 */
export function keyed(parent, items, keyOf, make, update) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]))
  items.forEach((item, i) => {
    const key = keyOf(item)
    const element = before.get(key) ?? make(item)
    before.delete(key)
    element.dataset.key = key
    update(element, item)
    if (parent.children[i] !== element) parent.insertBefore(element, parent.children[i] ?? null)
  })
  for (const gone of before.values()) {
    if (gone.contains(document.activeElement)) $('main').focus({ preventScroll: true })
    gone.remove()
  }
}
