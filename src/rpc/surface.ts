/** Where a call came in: `chat` is what the gateway serves, `engine` is gRPC. */
export type Surface = 'chat' | 'engine';
