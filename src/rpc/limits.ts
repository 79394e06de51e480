/** The largest request, in bytes, once unpacked: 64 KiB on every transport. */
export const MAX_REQUEST_BYTES = 64 * 1024;
