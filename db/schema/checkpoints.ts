/** Where threads of the case graph stand: what a run goes on from after a pause or a crash. */
import { jsonb, pgTable, primaryKey, smallint, text } from 'drizzle-orm/pg-core';

/** One row per checkpoint, with everything a run needs to go on from it. */
export const checkpoints = pgTable(
  'checkpoints',
  {
    /** The case. */
    threadId: text('thread_id').notNull(),
    /** Empty, or the path of a subgraph. */
    namespace: text('namespace').notNull(),
    /** Time-ordered. */
    id: text('id').notNull(),
    parentId: text('parent_id'),
    /** The checkpoint without its values: format, moment, versions of channels and what each node has seen. */
    state: jsonb('state').notNull(),
    /** Channel to `[type, text]`, as the codec wrote it. */
    channelValues: jsonb('channel_values').notNull(),
    metadata: jsonb('metadata').notNull(),
  },
  (table) => [primaryKey({ name: 'checkpoints_pk', columns: [table.threadId, table.namespace, table.id] })],
);

/** What tasks of a step have written before the next checkpoint: results, interrupts, answers. */
export const checkpointWrites = pgTable(
  'checkpoint_writes',
  {
    threadId: text('thread_id').notNull(),
    namespace: text('namespace').notNull(),
    checkpointId: text('checkpoint_id').notNull(),
    taskId: text('task_id').notNull(),
    /** Its place among the writes of its task; below zero for errors, interrupts and answers, of which each task has one. */
    position: smallint('position').notNull(),
    taskPath: text('task_path').notNull(),
    channel: text('channel').notNull(),
    type: text('type').notNull(),
    value: text('value').notNull(),
  },
  (table) => [
    primaryKey({
      name: 'checkpoint_writes_pk',
      columns: [table.threadId, table.namespace, table.checkpointId, table.taskId, table.position],
    }),
  ],
);
