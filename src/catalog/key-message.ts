import type { WidgetKey as WidgetKeyMessage } from '../gen/ts-proto/chatsessions/v1/catalog.js';
import { timestampOf, toKeyDefinition } from './definition.js';
import type { WidgetKey } from './model.js';
import { workingRetired } from './public-keys.js';

/** A widget key as the catalogue service answers it at a time, in ms since the epoch. */
export function toWidgetKey(key: WidgetKey, now: number): WidgetKeyMessage {
  return {
    widgetKeyId: key.id,
    definition: toKeyDefinition(key),
    retiredPublicKeys: workingRetired(key, now).map(({ publicKey, until }) => ({
      publicKey,
      worksUntil: timestampOf(until),
    })),
  };
}
