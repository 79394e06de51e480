import type { Attack } from './attack.js';
import { brokenFrames } from './attacks/broken-frames.js';
import { connectionFloods } from './attacks/connection-floods.js';
import { decodeAttacks } from './attacks/decode.js';
import { gzipBombs } from './attacks/gzip.js';
import { h2Floods } from './attacks/h2-floods.js';
import { hostHeaders } from './attacks/host-headers.js';
import { junkAttacks } from './attacks/junk.js';
import { largeMessages } from './attacks/large-messages.js';
import { logAttacks } from './attacks/log-floods.js';
import { madeUpAttacks } from './attacks/made-up.js';
import { nonReaderAttacks } from './attacks/non-readers.js';
import { oddRequestAttacks } from './attacks/odd-requests.js';
import { pipeliningAttacks } from './attacks/pipelining.js';
import { refusedBodies } from './attacks/refused-bodies.js';
import { slowRequests } from './attacks/slow.js';
import { smuggling } from './attacks/smuggling.js';
import { unfinishedCalls } from './attacks/unfinished.js';
import { watcherAttacks } from './attacks/watchers.js';

/** All attacks, in the order in which they are played. */
export const ATTACKS: readonly Attack[] = [
  ...decodeAttacks,
  ...pipeliningAttacks,
  gzipBombs,
  largeMessages,
  ...logAttacks,
  ...nonReaderAttacks,
  brokenFrames,
  ...connectionFloods,
  hostHeaders,
  ...watcherAttacks,
  unfinishedCalls,
  slowRequests,
  refusedBodies,
  ...h2Floods,
  ...junkAttacks,
  ...oddRequestAttacks,
  smuggling,
  ...madeUpAttacks,
];
