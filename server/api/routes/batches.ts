/** Batches: many intents in one request, read as they arrive, with a verdict for every row. */
import { z } from '@hono/zod-openapi';
import { closeBatch, findBatch, openBatch } from '../../../db/queries/intake.ts';
import { type Fault, fault, isFault } from '../../../domain/errors.ts';
import { newId } from '../../../domain/ids.ts';
import { intentInputSchema, parseIntent, type PaymentIntent } from '../../../domain/intent.ts';
import type { Submitted } from '../../intake.ts';
import { turnTaker } from '../../../tools/turns.ts';
import type { ApiDeps, Caller } from '../deps.ts';
import { answers, type ApiContext, bodyBytes, idParam, idParams, mediaTypeOf } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { problemErrorSchema, type ProblemError, problemOf, toFault } from '../problem.ts';
import { idSchema, momentSchema } from '../resources/common.ts';
import { statusSchema } from '../resources/payment.ts';
import { type Bytes, refuse, type Row } from '../row.ts';
import { isRowType, ROW_READERS } from '../rows.ts';

export const BATCH_ROWS_MAX = 10_000;
const BATCH_BYTES_MAX = 64 * 1024 * 1024;
/** Rows handed to the intake at once. */
const GROUP_ROWS = 250;
/** Above this many payments waiting for their commit no new batch is begun. */
const WAITING_MAX = 10_000;
/** Batches that one process reads at once, of all clients and of one: each may hold a group of the longest rows while it waits for more. */
const READ_AT_ONCE_MAX = 64;
const READ_AT_ONCE_PER_CLIENT_MAX = 16;
const NDJSON = 'application/x-ndjson';

const rowVerdictSchema = z
  .object({
    line: z
      .int()
      .openapi({ description: 'Line of the file for NDJSON and CSV (the header is line 1); place in the array, from 1, for JSON.' }),
    referenceId: z.string().nullable(),
    status: z.enum(['accepted', 'replayed', 'rejected']),
    paymentId: idSchema.optional(),
    errors: z.array(problemErrorSchema).optional(),
  })
  .openapi('BatchRow');

type RowVerdict = z.infer<typeof rowVerdictSchema>;

const countsShape = { batchId: idSchema, accepted: z.int(), replayed: z.int(), rejected: z.int() };
const batchSchema = z.object({ ...countsShape, rows: z.array(rowVerdictSchema) }).openapi('BatchVerdict');
const batchStateSchema = z
  .object({
    batchId: idSchema,
    createdAt: momentSchema,
    accepted: z.int().openapi({ description: 'Rows taken, payments that existed already not counted.' }),
    rejected: z.int(),
    byStatus: z.partialRecord(statusSchema, z.int()),
  })
  .openapi('BatchState');

/** Mounts the routes of batches. They come before those with `{id}`, so that no batch is taken for a payment. */
export function mountBatches(api: Api): void {
  const { deps } = api;
  const desk = createReadingDesk();
  mount(
    api,
    {
      method: 'post',
      path: '/v1/payments/batches',
      operationId: 'submitBatch',
      tag: 'Batches',
      summary: `Submit up to ${BATCH_ROWS_MAX.toLocaleString('en')} payment intents`,
      description:
        'As JSON, NDJSON or CSV. Every row gets its own verdict; a bad row does not hold up the others. Sending a batch again is safe: rows that were taken before are `replayed`. ' +
        `With \`Accept: ${NDJSON}\` the verdicts come line by line while the batch is read; the last line has the counts.`,
      scope: 'payments:write',
      rawBody: {
        'application/json': { schema: z.object({ intents: z.array(intentInputSchema).max(BATCH_ROWS_MAX) }) },
        [NDJSON]: { schema: z.string() },
        'text/csv': { schema: z.string() },
      },
      responses: {
        202: {
          description: 'A verdict for every row; accepted rows are on their way.',
          content: { 'application/json': { schema: batchSchema }, [NDJSON]: { schema: z.string() } },
        },
      },
      refusals: ['malformed_body', 'body_too_large', 'unsupported_media_type', 'overloaded'],
    },
    async ({ c, caller }) => {
      const type = mediaTypeOf(c);
      const read = isRowType(type) ? ROW_READERS[type] : undefined;
      if (!read) throw fault('unsupported_media_type', { detail: `A batch is one of ${Object.keys(ROW_READERS).join(', ')}.` });
      if (Number(c.req.header('content-length') ?? 0) > BATCH_BYTES_MAX) throw fault('body_too_large');
      if (deps.intake.depth() > WAITING_MAX) throw fault('overloaded');
      const batch = startBatch(api, caller, desk, read(bounded(bytesOf(c))));
      // The first verdicts are worked out before any answer, so that a body that is no batch at all gets a problem.
      const first = await batch.verdicts.next();
      if (first.done) throw fault('malformed_body', { detail: 'The body has no rows.' });
      c.set('logged', { batchId: batch.id });
      return (c.req.header('accept') ?? '').includes(NDJSON) ? answerLines(c, deps, batch, first.value) : answerWhole(batch, first.value);
    },
  );
  mount(
    api,
    {
      method: 'get',
      path: '/v1/payments/batches/{id}',
      operationId: 'getBatch',
      tag: 'Batches',
      summary: 'Read how far a batch has come',
      scope: 'payments:read',
      tagged: true,
      params: idParams,
      responses: { 200: answers('The batch.', batchStateSchema) },
    },
    async ({ c, caller }) => {
      const row = await findBatch(deps.tenants.of(caller.clientId), caller.clientId, idParam(c));
      if (row === null) throw fault('not_found');
      const { id, createdAt, rowsAccepted, rowsRejected, byStatus } = row;
      return {
        status: 200,
        body: { batchId: id, createdAt: createdAt.toISOString(), accepted: rowsAccepted, rejected: rowsRejected, byStatus },
      };
    },
  );
}

interface Batch {
  readonly id: string;
  readonly counts: { accepted: number; replayed: number; rejected: number };
  /** Verdicts in the order of the rows, some hundreds at a time. */
  readonly verdicts: AsyncGenerator<RowVerdict[]>;
}

function startBatch(api: Api, caller: Caller, desk: ReadingDesk, rows: AsyncGenerator<Row>): Batch {
  const counts = { accepted: 0, replayed: 0, rejected: 0 };
  const id = newId();
  return { id, counts, verdicts: desk.read(caller.clientId, verdictsOf(api, caller, id, counts, rows)) };
}

interface ReadingDesk {
  /** Hands verdicts through while fewer batches than may be are read. Throws `rate_limited` and `overloaded` before the first. */
  read(clientId: string, verdicts: AsyncGenerator<RowVerdict[]>): AsyncGenerator<RowVerdict[]>;
}

function createReadingDesk(): ReadingDesk {
  const byClient = new Map<string, number>();
  let all = 0;
  const count = (clientId: string, by: 1 | -1): void => {
    const ofClient = (byClient.get(clientId) ?? 0) + by;
    if (ofClient === 0) byClient.delete(clientId);
    else byClient.set(clientId, ofClient);
    all += by;
  };
  return {
    read: async function* (clientId, verdicts) {
      if ((byClient.get(clientId) ?? 0) >= READ_AT_ONCE_PER_CLIENT_MAX)
        throw fault('rate_limited', {
          detail: `${READ_AT_ONCE_PER_CLIENT_MAX} batches of the client are being read; send the next when one has ended.`,
        });
      if (all >= READ_AT_ONCE_MAX) throw fault('overloaded');
      count(clientId, 1);
      try {
        yield* verdicts;
      } finally {
        count(clientId, -1);
      }
    },
  };
}

async function* verdictsOf(
  api: Api,
  caller: Caller,
  batchId: string,
  counts: Batch['counts'],
  rows: AsyncGenerator<Row>,
): AsyncGenerator<RowVerdict[]> {
  const { clientId } = caller;
  const { deps } = api;
  let opened = false;
  for await (const group of groupsOf(rows)) {
    if (!opened)
      await openBatch(deps.tenants.writing(clientId), { id: batchId, clientId, actor: caller.principal, nowMs: deps.clock.now() });
    opened = true;
    const verdicts = await judge(api, caller, batchId, group);
    for (const verdict of verdicts) counts[verdict.status]++;
    yield verdicts;
  }
  if (opened) await closeBatch(deps.tenants.writing(clientId), batchId, counts);
}

/** The body as it comes, or as it was read to check its signature. */
async function* bytesOf(c: ApiContext): Bytes {
  const whole: Uint8Array | undefined = c.get('wholeBody');
  if (whole !== undefined) yield whole;
  else yield* bodyBytes(c);
}

/** Hands a body through up to what a batch may have. Throws `body_too_large`. */
async function* bounded(bytes: Bytes): Bytes {
  let count = 0;
  for await (const chunk of bytes) {
    count += chunk.byteLength;
    if (count > BATCH_BYTES_MAX) throw fault('body_too_large', { detail: 'Rows from here on were not read; the body is too long.' });
    yield chunk;
  }
}

/** Rows in groups. */
async function* groupsOf(rows: AsyncGenerator<Row>): AsyncGenerator<Row[]> {
  let group: Row[] = [];
  for await (const row of counted(rows)) {
    group.push(row);
    if (group.length < GROUP_ROWS) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** Ends a batch that has too many rows, or breaks off, with a row that says so; the rows before are kept. */
async function* counted(rows: AsyncGenerator<Row>): AsyncGenerator<Row> {
  let count = 0;
  let line = 0;
  try {
    for await (const row of rows) {
      ({ line } = row);
      if (++count > BATCH_ROWS_MAX)
        throw fault('too_many_rows', { detail: `Rows from here on were not read; a batch has at most ${BATCH_ROWS_MAX}.` });
      yield row;
    }
  } catch (error) {
    if (count === 0 || !isFault(error)) throw error;
    yield refuse(error.code === 'too_many_rows' ? line : line + 1, error.code, error.detail);
  }
}

/** A verdict for each row of a group, in their order. */
async function judge({ deps, mandates }: Api, caller: Caller, batchId: string, group: readonly Row[]): Promise<RowVerdict[]> {
  const takeTurn = turnTaker();
  const verdicts: (RowVerdict | null)[] = [];
  const intents: PaymentIntent[] = [];
  for (const row of group) {
    const turn = takeTurn();
    if (turn) await turn;
    if ('refusal' in row) {
      verdicts.push(rejected(row.line, null, [{ ...row.refusal, line: row.line }]));
      continue;
    }
    const read = parseIntent(row.value, row.line);
    if (read.ok) intents.push(read.intent);
    verdicts.push(
      read.ok
        ? null
        : rejected(
            row.line,
            referenceOf(row.value),
            read.errors.map((error) => ({ ...error, line: row.line })),
          ),
    );
  }
  const submit = (allowed: readonly PaymentIntent[]) => deps.intake.submitMany(caller.clientId, batchId, allowed, caller.principal);
  const submitted = intents.length === 0 ? [] : await mandates.spendMany(caller, intents, submit);
  let next = 0;
  return verdicts.map((verdict, index) => {
    if (verdict !== null) return verdict;
    const at = next++;
    return verdictOf(group[index]?.line ?? 0, intents[at]?.referenceId ?? null, submitted[at] ?? fault('internal'));
  });
}

function verdictOf(line: number, referenceId: string | null, outcome: Submitted | Fault): RowVerdict {
  if (isFault(outcome))
    return rejected(line, referenceId, [{ code: outcome.code, field: outcome.field ?? '', detail: outcome.detail, line }]);
  return { line, referenceId, status: outcome.replayed ? 'replayed' : 'accepted', paymentId: outcome.paymentId };
}

function rejected(line: number, referenceId: string | null, errors: ProblemError[]): RowVerdict {
  return { line, referenceId, status: 'rejected', errors };
}

/** The reference of a row that was refused, if it reads like one: what else stands there is not repeated. */
function referenceOf(value: unknown): string | null {
  const reference = (value as { referenceId?: unknown } | null)?.referenceId;
  return typeof reference === 'string' && /^[A-Za-z0-9._:-]{1,64}$/.test(reference) ? reference : null;
}

async function answerWhole(batch: Batch, first: RowVerdict[]) {
  const rows = [...first];
  for await (const verdicts of batch.verdicts) rows.push(...verdicts);
  return { status: 202, body: { batchId: batch.id, ...batch.counts, rows } };
}

/** Answers while reading: a line per row, then one with the counts; an error that ends the batch is a line too. */
function answerLines(c: ApiContext, deps: ApiDeps, batch: Batch, first: RowVerdict[]): Response {
  const encoder = new TextEncoder();
  const lines = (values: readonly unknown[]) => encoder.encode(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(lines(first)),
    pull: async (controller) => {
      try {
        const next = await batch.verdicts.next();
        if (!next.done) return controller.enqueue(lines(next.value));
        controller.enqueue(lines([{ batchId: batch.id, ...batch.counts }]));
      } catch (error) {
        deps.log.error({ err: error, requestId: c.get('requestId'), batchId: batch.id }, 'batch broke off');
        controller.enqueue(lines([problemOf(toFault(error), c.get('requestId'))]));
      }
      controller.close();
    },
    cancel: () => void batch.verdicts.return(undefined),
  });
  return c.body(body, 202, { 'Content-Type': NDJSON });
}
