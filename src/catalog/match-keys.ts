import type { WidgetKey } from './model.js';
import type { WidgetKeySpec } from './tenant-spec.js';

/**
 * Finds the stored widget key that each key of a definition means, by its name. A key that no definition has named yet
 * is also found by its public key, or by its label when the definition gives no public key; the definition's name is
 * its name from then on. A key of a tenant file that gives no name is found by its public key or label too, as before
 * keys had names.
 *
 * @returns the stored key of each key of the definition; undefined for a new one
 */
export function matchKeys(
  specs: readonly WidgetKeySpec[],
  stored: readonly WidgetKey[],
): readonly (WidgetKey | undefined)[] {
  const left = new Set(stored);
  const found = new Map<WidgetKeySpec, WidgetKey>();
  const take = (isMeant: (spec: WidgetKeySpec, key: WidgetKey) => boolean): void => {
    for (const spec of specs) {
      if (found.has(spec)) continue;
      for (const key of left) {
        if (!isMeant(spec, key)) continue;
        found.set(spec, key);
        left.delete(key);
        break;
      }
    }
  };
  const namesAgree = (spec: WidgetKeySpec, key: WidgetKey) => key.name === spec.name;
  const mayBeRenamed = (spec: WidgetKeySpec, key: WidgetKey) => !spec.isNamed || key.nameSource !== undefined;

  take((spec, key) => spec.isNamed && key.nameSource === undefined && namesAgree(spec, key));
  take((spec, key) => mayBeRenamed(spec, key) && key.publicKey === spec.publicKey);
  const publicKeys = new Set(specs.map(({ publicKey }) => publicKey));
  take(
    (spec, key) =>
      spec.publicKey === undefined &&
      mayBeRenamed(spec, key) &&
      key.label === spec.label &&
      !publicKeys.has(key.publicKey),
  );
  take((spec, key) => spec.isNamed && namesAgree(spec, key));
  return specs.map((spec) => found.get(spec));
}
