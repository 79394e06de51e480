import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { Transport } from '@connectrpc/connect';
import type { Client, Metadata, ServiceError } from '@grpc/grpc-js';
import { CliFailure, EXIT } from '../failure.js';
import { toFailure } from './refusal.js';

/**
 * The transport of Connect's typed clients over a grpc-js channel. The service's gRPC port is the one that commands
 * use, with its TLS and client certificates; Connect's own gRPC transport would be one more dependency.
 */
export function grpcTransport(
  client: Client,
  { address, metadata }: { readonly address: string; readonly metadata: () => Metadata },
): Transport {
  return {
    unary(method, signal, timeoutMs, _header, input) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(aborted());
        const call = client.makeUnaryRequest(
          pathOf(method),
          encoderOf(method.input),
          decoderOf(method.output),
          create(method.input, input),
          metadata(),
          { deadline: deadline(timeoutMs) },
          (error: ServiceError | null, message) => {
            done();
            if (error) reject(signal?.aborted ? aborted() : toFailure(error, address));
            else if (message === undefined) reject(new CliFailure(`${address} answers nothing`));
            else resolve({ ...frameOf(method), stream: false, message });
          },
        );
        const done = cancelOn(signal, call);
      });
    },
    async stream(method, signal, timeoutMs, _header, input) {
      const { value: request, done } = await input[Symbol.asyncIterator]().next();
      if (done) throw new Error('a server stream has one request');
      const call = client.makeServerStreamRequest(
        pathOf(method),
        encoderOf(method.input),
        decoderOf(method.output),
        create(method.input, request),
        metadata(),
        { deadline: deadline(timeoutMs) },
      );
      const ended = cancelOn(signal, call);
      async function* messages() {
        try {
          yield* call;
        } catch (error) {
          if (signal?.aborted) return;
          throw isServiceError(error) ? toFailure(error, address) : error;
        } finally {
          ended();
        }
      }
      return { ...frameOf(method), stream: true, message: messages() };
    },
  };
}

/** Cancels a call when the signal is aborted. @returns a function to call at the call's end */
function cancelOn(signal: AbortSignal | undefined, call: { cancel(): void }): () => void {
  const cancel = () => call.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  return () => signal?.removeEventListener('abort', cancel);
}

function pathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}

function encoderOf<D extends DescMessage>(schema: D) {
  return (message: MessageShape<D>) => Buffer.from(toBinary(schema, message));
}

function decoderOf<D extends DescMessage>(schema: D) {
  return (bytes: Buffer): MessageShape<D> => fromBinary(schema, bytes);
}

function frameOf<M extends DescMethod>(method: M) {
  return { service: method.parent, method, header: new Headers(), trailer: new Headers() };
}

function deadline(timeoutMs: number | undefined): number {
  return timeoutMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + timeoutMs;
}

function aborted(): CliFailure {
  return new CliFailure('interrupted', EXIT.failed, 'canceled');
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}
