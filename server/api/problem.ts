/**
 * Errors as `application/problem+json` (RFC 9457). Whatever was thrown, the caller gets a code of the
 * catalogue and a public sentence; what is for us alone goes to the log.
 */
import { z } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import { databaseFault } from '../../db/connect.ts';
import { ERRORS, type ErrorCode, type Fault, fault, isFault } from '../../domain/errors.ts';
import { answerText } from './headers.ts';
import type { ApiContext } from './http.ts';

export interface ProblemError {
  readonly code: ErrorCode;
  readonly field: string;
  readonly detail: string;
  readonly line?: number;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly requestId: string;
  readonly errors?: readonly ProblemError[];
}

export const problemErrorSchema = z
  .object({
    code: z.string().openapi({ example: 'amount_too_precise' }),
    field: z.string().openapi({ description: "Dotted path of the field; '' for the whole.", example: 'amount' }),
    detail: z.string(),
    line: z.int().optional().openapi({ description: 'Where in the batch, for errors of a row.' }),
  })
  .openapi('ProblemError');

export const problemSchema = z
  .object({
    type: z.string().openapi({ example: '/docs/errors#validation_failed' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().openapi({ description: 'Stable code of the error catalogue.', example: 'validation_failed' }),
    requestId: z.string(),
    errors: z.array(problemErrorSchema).optional(),
  })
  .openapi('Problem');

/** How long to wait before asking again, seconds, for codes that say `later` when the error does not know better. */
export const RETRY_AFTER_S = 1;

/** What a client does about it (RFC 9470). */
const STEP_UP_CHALLENGE = 'Bearer realm="capp", error="insufficient_user_authentication", max_age="300"';

/** A fault with more than one thing wrong: what a validation found. */
export function faultWith(code: ErrorCode, errors: readonly ProblemError[]): Fault {
  return Object.assign(fault(code), { problemErrors: errors });
}

/** Puts any error into a fault of the catalogue; what is not known becomes `internal`. */
export function toFault(error: unknown): Fault {
  const known = databaseFault(error);
  if (isFault(known)) return known;
  if (known instanceof HTTPException) return fault(codeOfStatus(known.status), { cause: known });
  return fault('internal', { cause: known });
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 400) return 'malformed_body';
  if (status === 413) return 'body_too_large';
  if (status === 415) return 'unsupported_media_type';
  return status >= 500 ? 'internal' : 'validation_failed';
}

/** The problem document of a fault. */
export function problemOf(error: Fault, requestId: string): Problem {
  const { status, title } = ERRORS[error.code];
  const several = (error as { problemErrors?: readonly ProblemError[] }).problemErrors;
  const single = error.field === undefined ? undefined : [{ code: error.code, field: error.field, detail: error.detail }];
  const errors = several ?? single;
  return {
    type: `/docs/errors#${error.code}`,
    title,
    status,
    detail: error.detail,
    code: error.code,
    requestId,
    ...(errors ? { errors } : {}),
  };
}

/** Answers a request with the problem document of whatever was thrown. */
export function answerProblem(c: ApiContext, error: Fault): Response {
  const problem = problemOf(error, String(c.get('requestId') ?? ''));
  const headers: Record<string, string> = { 'Content-Type': 'application/problem+json' };
  if (problem.status === 429 || problem.status === 503 || error.code === 'idempotency_in_progress')
    headers['Retry-After'] = String((error as { retryAfterS?: number }).retryAfterS ?? RETRY_AFTER_S);
  if (problem.status === 401) headers['WWW-Authenticate'] = error.code === 'step_up_needed' ? STEP_UP_CHALLENGE : 'Bearer realm="capp"';
  return answerText(c, problem.status, JSON.stringify(problem), headers);
}
