import { isInstalled } from '@chatsessions/test-harness';
import { autocannonLoad } from './autocannon.js';
import type { HttpLoad } from './http.js';
import { wrk } from './wrk.js';

/** `wrk` where it is on the PATH, since it takes the least CPU time; else autocannon. */
export function httpLoad(): HttpLoad {
  return isInstalled('wrk') ? wrk() : autocannonLoad();
}
