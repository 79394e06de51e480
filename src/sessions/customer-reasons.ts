/** Why the customer of an open is accepted or refused, by reason, in a sentence for the site's own people. */
export const CUSTOMER_REASONS = {
  identity_off: 'The key does not verify customers (identity: off): a customer token is ignored.',
  unverified: 'The open has no customer token, and the key does not require one (identity: optional).',
  verified: 'The customer token is good: the customer is verified.',
  token_missing: 'The key requires a customer token (identity: required), and the open has none.',
  token_malformed:
    'The customer token is no signed JWT: it must have three parts of base64url, and no crit header.',
  wrong_algorithm: 'The customer token is not signed with HS256.',
  wrong_signature:
    'The signature of the customer token is wrong: sign it with the identity secret of this key, as the text that was ' +
    'shown and not decoded, and with its latest generation.',
  wrong_audience: "The `aud` of the customer token is not this widget key's id.",
  claim_missing: 'The customer token needs the claims `sub`, `aud` and `exp`.',
  expired:
    'The customer token is expired: sign a new one for each page, and check the clock of the server that signs.',
  not_yet_valid:
    'The customer token is not valid yet: `nbf` or `iat` is more than 60 s ahead. Check the clock of the server.',
  lives_too_long: 'The customer token is valid for longer than 24 hours: set an earlier `exp`.',
  invalid_subject: 'The `sub` of the customer token is not a customer id of 1 to 100 characters.',
  other_customer: 'The `sub` of the customer token is not the customerId of the request.',
} as const;

/** One of {@link CUSTOMER_REASONS}. */
export type CustomerReason = keyof typeof CUSTOMER_REASONS;
