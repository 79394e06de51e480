import { unary } from '../../rpc/define.js';
import { ServiceError } from '../../rpc/errors.js';

export const applyTenant = unary('applyTenant', {
  scope: 'catalog',
  handle: () => async () => {
    throw new ServiceError('internal', 'Not built yet.');
  },
});
