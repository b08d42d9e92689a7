/** What the client throws: an answer that says no, or no answer at all. */

/** One thing wrong with a request: `field` is a dotted path, `line` the row of a batch. */
export interface ProblemError {
  readonly code: string;
  readonly field: string;
  readonly detail: string;
  readonly line?: number;
}

/** An `application/problem+json` document as the API writes it. */
export interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly status: number;
  readonly detail?: string;
  readonly code: string;
  readonly requestId?: string;
  readonly errors?: readonly ProblemError[];
}

/** Whatever the client throws has a stable code. */
export class CappError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CappError';
    this.code = code;
  }
}

/** The API answered with an error. */
export class CappApiError extends CappError {
  readonly status: number;
  readonly detail: string;
  readonly requestId: string | null;
  readonly errors: readonly ProblemError[];
  /** What the answer's Retry-After asks for, milliseconds; null when it says nothing. */
  readonly retryAfterMs: number | null;

  constructor(problem: Problem, retryAfterMs: number | null) {
    const detail = problem.detail ?? problem.title ?? `HTTP ${problem.status}`;
    super(problem.code, `${problem.code}: ${detail}`);
    this.name = 'CappApiError';
    this.status = problem.status;
    this.detail = detail;
    this.requestId = problem.requestId ?? null;
    this.errors = problem.errors ?? [];
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer came: `service_unreachable`, `timeout`, or `malformed_answer`. What was asked may have been done. */
export class CappConnectionError extends CappError {
  constructor(code: 'service_unreachable' | 'timeout' | 'malformed_answer', message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = 'CappConnectionError';
  }
}
