/** Of this library, as package.json has it; a file of its own, because bundlers leave package.json behind. */
export const version: string = '0.1.0'
