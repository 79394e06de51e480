import { unary } from '../../rpc/define.js';
import { ServiceError } from '../../rpc/errors.js';

export const deleteFlow = unary('deleteFlow', {
  scope: 'catalog',
  handle: () => async () => {
    throw new ServiceError('internal', 'Not built yet.');
  },
});
