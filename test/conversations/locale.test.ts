import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { canonicalLocale } from '../../src/conversations/locale.js';

const test = suite('locales');

/** `langtag` and `privateuse` of the grammar of RFC 5646, section 2.1. */
const LANGTAG =
  /^(?:(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*(?:-[a-wyz\d](?:-[a-z\d]{2,8})+)*(?:-x(?:-[a-z\d]{1,8})+)?|x(?:-[a-z\d]{1,8})+)$/i;
/** `grandfathered`: tags that were registered under earlier RFCs. */
const GRANDFATHERED = (
  'en-GB-oed i-ami i-bnn i-default i-enochian i-hak i-klingon i-lux i-mingo i-navajo i-pwn i-tao i-tay i-tsu ' +
  'sgn-BE-FR sgn-BE-NL sgn-CH-DE art-lojban cel-gaulish no-bok no-nyn zh-guoyu zh-hakka zh-min zh-min-nan zh-xiang'
).split(' ');

function intlOf(tag: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(tag)[0];
  } catch {
    return undefined;
  }
}

for (const tag of GRANDFATHERED) {
  test(`registered once: ${tag}`, () => {
    for (const sent of [tag, tag.toUpperCase(), tag.toLowerCase()])
      assert.is(canonicalLocale(sent), intlOf(sent) ?? sent);
    assert.is(canonicalLocale(`${tag}-`), undefined);
  });
}

/** Texts that are tags, or nearly. */
const anyNearTag = fc
  .array(
    fc.oneof(
      fc.stringMatching(/^[A-Za-z0-9]{1,9}$/),
      fc.constantFrom(
        'en',
        'zh',
        'x',
        'X',
        'u',
        'a',
        'Latn',
        'GB',
        '419',
        '1996',
        'rozaj',
        'yue',
        '',
        'en_',
        '\u212a',
        'é',
      ),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((subtags) => subtags.join('-'));

test('a text is a locale exactly when the grammar of RFC 5646 has it, and is stored canonical where Intl knows it', () => {
  fc.assert(
    fc.property(anyNearTag, (tag) => {
      const isWellFormed =
        LANGTAG.test(tag) || GRANDFATHERED.some((known) => known.toLowerCase() === tag.toLowerCase());
      assert.is(canonicalLocale(tag), isWellFormed ? (intlOf(tag) ?? tag) : undefined, tag);
    }),
    { numRuns: 20_000 },
  );
});

test('whatever Intl takes is taken', () => {
  const anyTag = fc.oneof(
    anyNearTag,
    fc.string({ unit: 'binary', maxLength: 16 }),
    fc.string({ maxLength: 16 }),
  );
  fc.assert(
    fc.property(anyTag, (tag) => {
      const known = intlOf(tag);
      if (known !== undefined) assert.is(canonicalLocale(tag), known, tag);
    }),
    { numRuns: 20_000 },
  );
});
