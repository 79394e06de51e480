import { unary } from '../../rpc/define.js';
import { ServiceError } from '../../rpc/errors.js';

export const listOriginReports = unary('listOriginReports', {
  scope: 'read',
  handle: () => async () => {
    throw new ServiceError('internal', 'Not built yet.');
  },
});
