/**
 * The API that a call belongs to: `chat` is served to browsers by the gateway, `engine` to internal services by gRPC.
 */
export type Surface = 'chat' | 'engine';
