/**
 * Where the case graph keeps its threads: a checkpoint saver of LangGraph with one row per checkpoint. Threads that
 * write at the same moment share a statement, so a crowd of cases costs a few commits and not a few for each case.
 *
 * A checkpoint is durable when `put` resolves. Two checkpoints of one thread are never under way at once: the
 * second takes over from the first whatever did not change.
 */
import type { RunnableConfig } from '@langchain/core/runnables';
import {
  BaseCheckpointSaver,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointPendingWrite,
  type CheckpointTuple,
  getCheckpointId,
  maxChannelVersion,
  type PendingWrite,
  type SerializerProtocol,
  TASKS,
  WRITES_IDX_MAP,
} from '@langchain/langgraph-checkpoint';
import type { Pool } from 'pg';
import { createGroupCommit } from '../../db/group-commit.ts';
import {
  type CheckpointRow,
  type Coded,
  deleteThreads,
  findCheckpoints,
  type NewCheckpoint,
  type NewWrite,
  storeCheckpoints,
  storeWrites,
} from '../../db/queries/checkpoints.ts';
import { strictSerde } from './serde.ts';

/** Threads that share a statement at most. */
const GROUP_MAX = 200;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a thread writes, while its values are being coded: it takes its turn at once, so that no child overtakes its parent. */
interface Waiting<Row> {
  readonly threadId: string;
  readonly row: Promise<Row>;
}

type WriteThread<Row> = (threadId: string, row: Promise<Row>) => Promise<void>;

/** Makes a writer whose calls share statements, one of each thread at a time. What cannot be coded fails its own call alone. */
function createThreadWriter<Row>(store: (rows: readonly Row[]) => Promise<void>): WriteThread<Row> {
  const commit = createGroupCommit<Waiting<Row>, PromiseSettledResult<Row>>({
    groupMax: GROUP_MAX,
    keyOf: ({ threadId }) => threadId,
    flush: async (items) => {
      const coded = await Promise.allSettled(items.map(({ row }) => row));
      await store(coded.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])));
      return coded;
    },
  });
  return async (threadId, row) => {
    // Looked at when its turn comes, and by then it may have failed long since.
    row.catch(() => undefined);
    const coded = await commit.submit({ threadId, row });
    if (coded.status === 'rejected') throw coded.reason;
  };
}

/** Keeps threads in the database of `pool`. Values are written by the strict codec unless another is given. */
export class CaseCheckpointer extends BaseCheckpointSaver {
  private readonly pool: Pool;
  private readonly writeCheckpoint: WriteThread<NewCheckpoint>;
  private readonly writeWrites: WriteThread<readonly NewWrite[]>;

  constructor(pool: Pool, serde: SerializerProtocol = strictSerde) {
    super(serde);
    this.pool = pool;
    this.writeCheckpoint = createThreadWriter((rows) => storeCheckpoints(pool, rows));
    this.writeWrites = createThreadWriter((rows) => storeWrites(pool, rows.flat()));
  }

  /** The checkpoint that is named, or the newest of the thread. */
  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    if (config.configurable?.['thread_id'] === undefined) return undefined;
    const { threadId, namespace } = placeOf(config);
    const id = getCheckpointId(config);
    const [row] = await findCheckpoints(this.pool, TASKS, { threadId, namespace, id: id === '' ? undefined : id, limit: 1 });
    return row === undefined ? undefined : this.tupleOf(row);
  }

  /** Checkpoints, the newest first. */
  override async *list(config: RunnableConfig, options: CheckpointListOptions = {}): AsyncGenerator<CheckpointTuple> {
    const { thread_id: threadId, checkpoint_ns: namespace, checkpoint_id: id } = config.configurable ?? {};
    const before: string | undefined = options.before?.configurable?.['checkpoint_id'];
    const rows = await findCheckpoints(this.pool, TASKS, { threadId, namespace, id, before, filter: options.filter, limit: options.limit });
    for (const row of rows) yield this.tupleOf(row);
  }

  /** Stores a checkpoint. `newVersions` names the channels that its step has changed. Throws RangeError without a thread. */
  override async put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    const place = placeOf(config);
    // Coded as it is now: the run goes on and changes what it handed in.
    const row = this.rowOf(place, getCheckpointId(config), { checkpoint, metadata, newVersions });
    await this.writeCheckpoint(place.threadId, row);
    return configOf({ ...place, id: checkpoint.id });
  }

  /** Stores what a task has written. Throws RangeError without a thread or a checkpoint. */
  override async putWrites(config: RunnableConfig, writes: PendingWrite[], taskId: string, taskPath = ''): Promise<void> {
    const place = placeOf(config);
    const checkpointId = getCheckpointId(config);
    if (checkpointId === '') throw new RangeError('writes belong to a checkpoint, and none is named');
    const row = Promise.all(
      // Of errors, interrupts and answers the last of a task counts.
      [...new Map(writes.map(([channel, value], index) => [WRITES_IDX_MAP[channel] ?? index, { channel, value }]))].map(
        async ([position, { channel, value }]) => ({
          ...place,
          checkpointId,
          taskId,
          taskPath,
          position,
          channel,
          value: await this.coded(value),
        }),
      ),
    );
    await this.writeWrites(place.threadId, row);
  }

  /** Forgets a thread. */
  override async deleteThread(threadId: string): Promise<void> {
    await deleteThreads(this.pool, [threadId]);
  }

  private async rowOf(
    { threadId, namespace }: Place,
    parentId: string,
    put: { readonly checkpoint: Checkpoint; readonly metadata: CheckpointMetadata; readonly newVersions: ChannelVersions },
  ): Promise<NewCheckpoint> {
    const { channel_values: values, ...state } = put.checkpoint;
    const channels = Object.keys(put.newVersions).filter((channel) => Object.hasOwn(values, channel));
    const coding = channels.map((channel) => this.coded(values[channel]));
    const stateText = JSON.stringify(state);
    const [, metadata] = await this.coded(put.metadata);
    const coded = await Promise.all(coding);
    const changed = Object.fromEntries(channels.map((channel, index) => [channel, coded[index] as Coded]));
    return { threadId, namespace, id: put.checkpoint.id, parentId: parentId === '' ? null : parentId, state: stateText, metadata, changed };
  }

  private async coded(value: unknown): Promise<Coded> {
    const [type, bytes] = await this.serde.dumpsTyped(value);
    return [type, isText(type) ? decoder.decode(bytes) : Buffer.from(bytes).toString('base64')];
  }

  private async decoded([type, text]: Coded): Promise<unknown> {
    return this.serde.loadsTyped(type, isText(type) ? encoder.encode(text) : Buffer.from(text, 'base64'));
  }

  private async tupleOf(row: CheckpointRow): Promise<CheckpointTuple> {
    const checkpoint = { ...row.state, channel_values: {} } as Checkpoint;
    for (const [channel, value] of Object.entries(row.channelValues)) checkpoint.channel_values[channel] = await this.decoded(value);
    if (row.sends !== null) await this.addSends(checkpoint, row.sends);
    const pendingWrites: CheckpointPendingWrite[] = [];
    for (const [taskId, channel, type, text] of row.writes ?? []) pendingWrites.push([taskId, channel, await this.decoded([type, text])]);
    const metadata = (await this.decoded(['json', JSON.stringify(row.metadata)])) as CheckpointMetadata;
    const parentConfig = row.parentId === null ? {} : { parentConfig: configOf({ ...row, id: row.parentId }) };
    return { config: configOf(row), checkpoint, metadata, pendingWrites, ...parentConfig };
  }

  /** Checkpoints of older formats find what was sent to their tasks at their parent. */
  private async addSends(checkpoint: Checkpoint, sends: readonly Coded[]): Promise<void> {
    checkpoint.channel_values[TASKS] = await Promise.all(sends.map((send) => this.decoded(send)));
    const versions = Object.values(checkpoint.channel_versions);
    checkpoint.channel_versions[TASKS] = versions.length > 0 ? maxChannelVersion(...versions) : this.getNextVersion(undefined);
  }
}

/** The codecs write JSON, and bytes where a value is bytes. */
function isText(type: string): boolean {
  return type === 'json';
}

interface Place {
  readonly threadId: string;
  readonly namespace: string;
}

function placeOf({ configurable }: RunnableConfig): Place {
  const threadId: unknown = configurable?.['thread_id'];
  if (typeof threadId !== 'string' || threadId === '') throw new RangeError('a checkpoint belongs to a thread, and none is named');
  return { threadId, namespace: configurable?.['checkpoint_ns'] ?? '' };
}

function configOf({ threadId, namespace, id }: Place & { readonly id: string }): RunnableConfig {
  return { configurable: { thread_id: threadId, checkpoint_ns: namespace, checkpoint_id: id } };
}
