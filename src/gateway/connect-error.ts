import { Code, ConnectError } from '@connectrpc/connect';
import { codeToHttpStatus, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import { errorDetails } from '../rpc/error-details.js';
import { type ErrorCode, errorTable, type ServiceError } from '../rpc/errors.js';
import { answer, errorHeaders } from './answer.js';
import type { Exchange } from './endpoint.js';

/** `/package.Service/Method`: where a Connect client looks for an RPC. No public path has this form. */
const PROCEDURE = /^\/\w+(?:\.\w+)+\/\w+$/;

/** The refusals of plain HTTP: clients see only their HTTP status, and make the code `unknown` of it. */
const PLAIN_HTTP: ReadonlySet<ErrorCode> = new Set(['method_not_allowed', 'unsupported_media_type']);

/** Whether a path has the form of an RPC's. */
export function isProcedure(path: string): boolean {
  return PROCEDURE.test(path);
}

/** Answers a refusal as the Connect protocol has it: the HTTP status of its code, and the error as JSON. */
export function refuseConnect(
  exchange: Exchange,
  error: ServiceError,
  details = errorDetails(error, 'chat'),
): void {
  const { http, grpc } = errorTable[error.code];
  const isPlainHttp = PLAIN_HTTP.has(error.code);
  // Connect numbers its codes as gRPC does.
  const code: Code = isPlainHttp ? Code.Unknown : grpc;
  Object.assign(exchange.headers, errorHeaders(exchange.request, error));
  answerError(
    exchange,
    new ConnectError(error.message, code, undefined, details),
    isPlainHttp ? http : codeToHttpStatus(code),
  );
}

/** Answers that there is no RPC at a path: in the code, as gRPC has it, but with the HTTP status of such a path. */
export function refuseProcedure(exchange: Exchange): void {
  answerError(exchange, new ConnectError('There is no such RPC here.', Code.Unimplemented), 404);
}

/** Answers an error of the Connect protocol; `status` is another than that of its code. */
export function answerError(
  exchange: Exchange,
  error: ConnectError,
  status = codeToHttpStatus(error.code),
): void {
  answer(exchange, status, 'application/json', errorToJsonBytes(error, undefined));
}
