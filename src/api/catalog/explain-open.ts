import { unary } from '../../rpc/define.js';
import { ServiceError } from '../../rpc/errors.js';

export const explainOpen = unary('explainOpen', {
  scope: 'read',
  handle: () => async () => {
    throw new ServiceError('internal', 'Not built yet.');
  },
});
