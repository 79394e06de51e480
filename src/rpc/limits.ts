/**
 * The maximum size of a request after decompression, in bytes: 64 KiB on every transport. An RPC of the engine surface
 * may declare another (`maxRequestBytes`).
 */
export const MAX_REQUEST_BYTES = 64 * 1024;
