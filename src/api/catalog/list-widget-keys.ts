import { unary } from '../../rpc/define.js';
import { ServiceError } from '../../rpc/errors.js';

export const listWidgetKeys = unary('listWidgetKeys', {
  scope: 'read',
  handle: () => async () => {
    throw new ServiceError('internal', 'Not built yet.');
  },
});
