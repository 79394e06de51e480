import { suite } from '@chatsessions/test-harness';
import fc from 'fast-check';
import { UUID } from 'mongodb';
import * as assert from 'uvu/assert';
import { binaryToUuid, uuidToBinary } from '../../src/mongo/binary-uuid.js';

const test = suite('stored UUID');

test("is the driver's own, in either case, and comes back in lower case", () => {
  fc.assert(
    fc.property(fc.uuid(), fc.boolean(), (uuid, upper) => {
      const stored = uuidToBinary(upper ? uuid.toUpperCase() : uuid);
      assert.is(stored.sub_type, 4);
      assert.is(stored.toString('hex'), new UUID(uuid).toString('hex').replaceAll('-', ''));
      assert.is(binaryToUuid(stored), uuid);
    }),
  );
});

test('takes nothing else', () => {
  const uuid = '0193aa00-0000-7000-8000-00000000000f';
  const others = [
    '01-a2-04-83-398d757db9afbe46b8e5e25d',
    '-01a20483-398d757d-b9af-be46b8e5e25d',
    '',
    uuid.slice(1),
    `${uuid}0`,
    uuid.replace('f', 'g'),
    uuid.replace('f', 'é'),
    uuid.replace('-', '0'),
    uuid.replace('f', '-'),
  ];
  for (const other of others) assert.throws(() => uuidToBinary(other), 'not a UUID');
});
