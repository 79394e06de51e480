import { type Duration, type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';

/** A time for people: RFC 3339 in UTC and whole seconds; empty for none. */
export function time(timestamp: Timestamp | undefined): string {
  return timestamp === undefined
    ? ''
    : timestampDate(timestamp)
        .toISOString()
        .replace(/\.\d+Z$/, 'Z');
}

/** {@link time}, for those who load it when they need it. */
export type FormatTime = typeof time;

/** A length of time in whole seconds, as a message. */
export function seconds(count: number): Pick<Duration, 'seconds' | 'nanos'> {
  return { seconds: BigInt(count), nanos: 0 };
}
