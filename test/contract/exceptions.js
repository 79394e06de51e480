/**
 * All that is left out of the contract. A test named here is printed as skipped with its reason on that server,
 * and runs on all others; a name that no test has fails its file.
 */
export const exceptions = [
  {
    server: 'ferretdb',
    test: 'contract: writes › E11000 by findAndModify, in each form',
    reason:
      "its findAndModify passes PostgreSQL's own error on (code 1, conflicting key value), where its other writes " +
      'say 11000; the write is refused all the same, and no code of the service tells the two apart there',
  },
];
//# sourceMappingURL=exceptions.js.map
