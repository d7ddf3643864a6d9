/** The session that sizes and times are measured with: 356 bytes as JSON. */
export const sampleSession: Readonly<Record<string, unknown>> = {
  user: {
    id: 'u_18273645',
    name: 'Ada Lovelace',
    email: 'ada@example.org',
    roles: ['admin', 'editor'],
  },
  cart: [
    { sku: 'A-1001', qty: 2, price: 1999 },
    { sku: 'B-2040', qty: 1, price: 549 },
    { sku: 'C-3317', qty: 12, price: 89 },
  ],
  csrf: 'q9Xw2LrT7vKc0ZbN5yHdEg',
  theme: 'dark',
  locale: 'en-GB',
  returnTo: '/account/orders?page=2&per=20',
  lastSeen: 1732440000000,
}
