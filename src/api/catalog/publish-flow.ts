import { unary } from '../../rpc/define.js';
import { ServiceError } from '../../rpc/errors.js';

export const publishFlow = unary('publishFlow', {
  scope: 'catalog',
  handle: () => async () => {
    throw new ServiceError('internal', 'Not built yet.');
  },
});
