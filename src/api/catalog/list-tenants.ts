import { unary } from '../../rpc/define.js';
import { ServiceError } from '../../rpc/errors.js';

export const listTenants = unary('listTenants', {
  scope: 'read',
  handle: () => async () => {
    throw new ServiceError('internal', 'Not built yet.');
  },
});
