import { unary } from '../../rpc/define.js';
import { ServiceError } from '../../rpc/errors.js';

export const exportTenant = unary('exportTenant', {
  scope: 'read',
  handle: () => async () => {
    throw new ServiceError('internal', 'Not built yet.');
  },
});
