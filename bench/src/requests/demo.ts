/** The slug of the demo tenant, which every measured service has. */
export const DEMO_TENANT = 'lakeside-books';
export const DEMO_KEY = 'pk_live_de300000000000000000000000000001';
/** The open that is measured, on every transport. */
export const VISIT = {
  publicKey: DEMO_KEY,
  customerId: 'u-42',
  locale: 'en-GB',
  variables: { cart_total: 129, page: 'checkout', returning: true },
} as const;
