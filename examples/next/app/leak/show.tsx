'use client'

export function Show({ value }: { value: object }) {
  return <p>{Object.keys(value).join()}</p>
}
