import { suite } from '@chatsessions/test-harness';
import * as assert from 'uvu/assert';
import { allRpcs } from '../../attack/all-rpcs.js';
import { decodeFuzz } from '../../attack/decode-fuzz.js';

/** What becomes of bodies of 64 KiB. How long each takes is no unit test's: node dist/test/attack/decode-fuzz.js. */
const test = suite('decode fuzz');

/** Their requests have all kinds of fields that there are. */
const RPCS = ['OpenSession', 'UpdateConversation', 'ListConversations'];

for (const rpc of allRpcs.filter(({ method }) => RPCS.includes(method.name))) {
  test(
    `${rpc.method.name}: no body of 64 KiB is let in that no request can be`,
    () => {
      const rows = decodeFuzz({ seed: 1, tries: 1, rpcs: [rpc] });
      const outcomesOf = (family: RegExp) =>
        new Set(rows.filter(({ family: name }) => family.test(name)).flatMap(({ outcomes }) => outcomes));

      // Nothing but these: no other error escapes, and 64 KiB of variables are never let in.
      const known = ['accepted', 'invalid_input', 'validation_failed'];
      for (const outcome of outcomesOf(/./)) assert.ok(known.includes(outcome), outcome);

      const refused = [
        /^JSON, .*, cut off$/,
        /^JSON, depth: (lists|objects|lists in objects|lists that do not end|an end too many)$/,
        /^JSON, repetition/,
        /^JSON, text: that does not end$/,
        /^binary, repetition: (?!a text$|an empty text$)[^,]*(, merged|, \d+ % of it keys)?$/,
        /^binary, depth: (lists|Structs)$/,
        /^binary, (unknown groups, nested|unknown groups of 190 levels|a varint without end|any bytes)$/,
        /^binary, text: (no UTF-8|UTF-8 but for the end)$/,
      ];
      for (const family of refused) {
        const outcomes = outcomesOf(family);
        assert.equal(
          [...outcomes].filter((outcome) => outcome !== 'invalid_input'),
          [],
          String(family),
        );
      }
      // The families are there: a name that no family has would hold nothing.
      assert.ok(outcomesOf(/^JSON, .*, cut off$/).size > 0);
    },
    { timeoutMs: 60_000 },
  );
}
