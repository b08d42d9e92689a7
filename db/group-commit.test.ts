import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createGroupCommit } from './group-commit.ts';

/** A flush that a test ends by hand, so that it can say what happens while it is under way. */
function heldFlush() {
  const groups: { readonly items: readonly string[]; end(): void; fail(error: Error): void }[] = [];
  const flush = (items: readonly string[]) =>
    new Promise<string[]>((resolve, reject) => {
      groups.push({ items, end: () => resolve(items.map((item) => `done ${item}`)), fail: reject });
    });
  return { groups, flush };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('group commit', () => {
  it('sends what comes in one turn together, and answers each with its own result', async () => {
    const { groups, flush } = heldFlush();
    const commit = createGroupCommit({ flush, groupMax: 10 });
    const answers = ['a', 'b', 'c'].map((item) => commit.submit(item));
    await turn();
    expect(groups.map((group) => group.items)).toEqual([['a', 'b', 'c']]);
    groups[0]?.end();
    expect(await Promise.all(answers)).toEqual(['done a', 'done b', 'done c']);
  });

  it('lets the next group fill while its slots are taken', async () => {
    const { groups, flush } = heldFlush();
    const commit = createGroupCommit({ flush, groupMax: 10, slots: 1 });
    const first = commit.submit('a');
    await turn();
    const later = ['b', 'c'].map((item) => commit.submit(item));
    await turn();
    expect(groups).toHaveLength(1);
    expect(commit.waiting).toBe(2);
    groups[0]?.end();
    await first;
    await turn();
    expect(groups[1]?.items).toEqual(['b', 'c']);
    groups[1]?.end();
    await Promise.all(later);
  });

  it('gives everybody as much of a group as any other, in the order of each, and what the few leave to the many', async () => {
    const { groups, flush } = heldFlush();
    const commit = createGroupCommit({ flush, groupMax: 6, slots: 1, laneOf: (item) => item.slice(0, 1) });
    const answers = [commit.submit('a1')];
    await turn();
    for (let number = 2; number <= 12; number += 1) answers.push(commit.submit(`a${number}`));
    for (const item of ['b1', 'c1', 'c2', 'c3', 'c4', 'c5']) answers.push(commit.submit(item));
    for (let index = 0; index < 4; index += 1) {
      groups[index]?.end();
      await turn();
    }
    expect(groups.map(({ items }) => items.join(' '))).toEqual(['a1', 'a2 a3 b1 c1 c2 c3', 'a4 a5 a6 a7 c4 c5', 'a8 a9 a10 a11 a12']);
    expect(await Promise.all(answers)).toHaveLength(18);
  });

  it('never sends more than a group may hold, nor more groups than it has slots', async () => {
    const { groups, flush } = heldFlush();
    const commit = createGroupCommit({ flush, groupMax: 2, slots: 2 });
    const answers = ['a', 'b', 'c', 'd', 'e'].map((item) => commit.submit(item));
    await turn();
    expect(groups.map((group) => group.items)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    for (let index = 0; index < 3; index += 1) {
      groups[index]?.end();
      await turn();
    }
    expect(groups[2]?.items).toEqual(['e']);
    expect(await Promise.all(answers)).toHaveLength(5);
  });

  it('fails a whole group with its error, and goes on with the next', async () => {
    const { groups, flush } = heldFlush();
    const commit = createGroupCommit({ flush, groupMax: 2, slots: 1 });
    const answers = ['a', 'b', 'c'].map((item) => commit.submit(item));
    const settled = Promise.allSettled(answers);
    await turn();
    groups[0]?.fail(new Error('disk full'));
    await turn();
    groups[1]?.end();
    expect((await settled).map((answer) => answer.status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    await expect(answers[0]).rejects.toThrow('disk full');
  });

  it('refuses a flush that answers for other than it was given', async () => {
    const commit = createGroupCommit<string, string>({ flush: async () => ['only one'], groupMax: 5 });
    const answers = await Promise.allSettled([commit.submit('a'), commit.submit('b')]);
    for (const answer of answers) expect(answer).toMatchObject({ status: 'rejected', reason: expect.any(RangeError) });
  });

  it('never has two items of one key under way, and keeps their order', async () => {
    const { groups, flush } = heldFlush();
    const commit = createGroupCommit({ flush, groupMax: 10, slots: 2, keyOf: (item: string) => item.slice(0, 1) });
    const answers = ['a1', 'a2', 'b1', 'a3', 'b2'].map((item) => commit.submit(item));
    await turn();
    expect(groups.map((group) => group.items)).toEqual([['a1', 'b1']]);
    groups[0]?.end();
    await turn();
    expect(groups[1]?.items).toEqual(['a2', 'b2']);
    groups[1]?.end();
    await turn();
    expect(groups[2]?.items).toEqual(['a3']);
    groups[2]?.end();
    expect(await Promise.all(answers)).toEqual(['done a1', 'done a2', 'done b1', 'done a3', 'done b2']);
  });

  it('drains when everything handed in has ended, also in failure', async () => {
    const { groups, flush } = heldFlush();
    const commit = createGroupCommit({ flush, groupMax: 1, slots: 1 });
    await commit.drain();
    const answers = Promise.allSettled(['a', 'b'].map((item) => commit.submit(item)));
    let drained = false;
    const drain = commit.drain().then(() => {
      drained = true;
    });
    await turn();
    groups[0]?.end();
    await turn();
    expect(drained).toBe(false);
    groups[1]?.fail(new Error('gone'));
    await drain;
    await answers;
  });

  it('writes every item exactly once whatever comes when', async () => {
    const submission = fc.record({ key: fc.constantFrom('a', 'b', 'c'), turnsBefore: fc.nat({ max: 2 }), slow: fc.nat({ max: 2 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(submission, { maxLength: 20 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        async (plan, groupMax, slots) => {
          const written: number[] = [];
          const underWay = new Set<string>();
          let flushes = 0;
          const commit = createGroupCommit<{ key: string; index: number; slow: number }, number>({
            groupMax,
            slots,
            keyOf: (item) => item.key,
            flush: async (items) => {
              flushes += 1;
              expect(items.length).toBeLessThanOrEqual(groupMax);
              expect(flushes).toBeLessThanOrEqual(slots);
              for (const item of items) {
                expect(underWay.has(item.key)).toBe(false);
                underWay.add(item.key);
              }
              for (let count = 0; count < (items[0]?.slow ?? 0); count += 1) await turn();
              for (const item of items) {
                written.push(item.index);
                underWay.delete(item.key);
              }
              flushes -= 1;
              return items.map((item) => item.index);
            },
          });
          const answers: Promise<number>[] = [];
          for (const [index, { key, turnsBefore, slow }] of plan.entries()) {
            for (let count = 0; count < turnsBefore; count += 1) await turn();
            answers.push(commit.submit({ key, index, slow }));
          }
          expect(await Promise.all(answers)).toEqual(plan.map((_, index) => index));
          expect(written.toSorted((a, b) => a - b)).toEqual(plan.map((_, index) => index));
          for (const key of ['a', 'b', 'c']) {
            const ofKey = written.filter((index) => plan[index]?.key === key);
            expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b));
          }
        },
      ),
    );
  });
});
