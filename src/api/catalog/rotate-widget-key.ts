import { unary } from '../../rpc/define.js';
import { ServiceError } from '../../rpc/errors.js';

export const rotateWidgetKey = unary('rotateWidgetKey', {
  scope: 'catalog',
  handle: () => async () => {
    throw new ServiceError('internal', 'Not built yet.');
  },
});
