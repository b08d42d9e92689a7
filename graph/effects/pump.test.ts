import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPump, type Pump } from './pump.ts';

interface Row {
  readonly id: number;
  readonly group: string;
}

interface Bench {
  readonly pump: Pump;
  /** Rows that nobody has claimed, oldest first. */
  readonly backlog: Row[];
  /** Calls under way, in the order they began. */
  readonly underWay: { readonly row: Row; end(): void; fail(error: Error): void }[];
  readonly done: number[];
  readonly errors: unknown[];
  /** Most calls that were under way at once, in all and per group. */
  readonly peak: Map<string, number>;
  end(id: number): Promise<void>;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

function bench(capacity: number, groupCapacity: number, groups: readonly string[]): Bench {
  const backlog: Row[] = groups.map((group, id) => ({ id, group }));
  const underWay: Bench['underWay'] = [];
  const done: number[] = [];
  const errors: unknown[] = [];
  const peak = new Map<string, number>();
  const note = (name: string, count: number) => peak.set(name, Math.max(peak.get(name) ?? 0, count));
  const pump = createPump<Row>({
    capacity,
    groupCapacity,
    groupOf: (row) => row.group,
    claim: async (limit, saturated) => {
      const rows = backlog.filter((row) => !saturated.includes(row.group)).slice(0, limit);
      for (const row of rows) backlog.splice(backlog.indexOf(row), 1);
      return rows;
    },
    work: (row) =>
      new Promise<void>((resolve, reject) => {
        const call = {
          row,
          end: () => {
            underWay.splice(underWay.indexOf(call), 1);
            done.push(row.id);
            resolve();
          },
          fail: (error: Error) => {
            underWay.splice(underWay.indexOf(call), 1);
            reject(error);
          },
        };
        underWay.push(call);
        note('all', underWay.length);
        note(row.group, underWay.filter((each) => each.row.group === row.group).length);
      }),
    onError: (error) => void errors.push(error),
  });
  const end = async (id: number): Promise<void> => {
    underWay.find((call) => call.row.id === id)?.end();
    await turn();
  };
  return { pump, backlog, underWay, done, errors, peak, end };
}

const ids = (rows: Bench['underWay']) => rows.map((call) => call.row.id);

describe('a pump', () => {
  it('fills its capacity, and takes the next row whenever a call ends', async () => {
    const { pump, underWay, end } = bench(2, 10, ['a', 'a', 'a', 'a']);
    await pump.kick();
    expect(ids(underWay)).toEqual([0, 1]);
    expect(pump.underWay).toBe(2);
    await end(1);
    expect(ids(underWay)).toEqual([0, 2]);
    await end(0);
    await end(2);
    expect(ids(underWay)).toEqual([3]);
  });

  it('never lets one group take all the room: others are claimed past it', async () => {
    const { pump, underWay, backlog, end } = bench(4, 2, ['slow', 'slow', 'slow', 'slow', 'slow', 'quick', 'quick']);
    await pump.kick();
    expect(underWay.map((call) => call.row.group)).toEqual(['slow', 'slow', 'quick', 'quick']);
    expect(backlog.map((row) => row.group)).toEqual(['slow', 'slow', 'slow']);
    await end(5);
    await end(6);
    // The slow operator stays within its own limit although there is room.
    expect(ids(underWay)).toEqual([0, 1]);
    await end(0);
    expect(ids(underWay)).toEqual([1, 2]);
  });

  it('looks again when it was told of work during a look', async () => {
    const { pump, backlog, underWay } = bench(10, 10, []);
    const looking = pump.kick();
    backlog.push({ id: 9, group: 'a' });
    const again = pump.kick();
    await Promise.all([looking, again]);
    expect(ids(underWay)).toEqual([9]);
  });

  it('reports a call that fails and goes on', async () => {
    const { pump, underWay, errors } = bench(1, 1, ['a', 'a']);
    await pump.kick();
    underWay[0]?.fail(new Error('lost'));
    await turn();
    expect(errors).toEqual([expect.objectContaining({ message: 'lost' })]);
    expect(ids(underWay)).toEqual([1]);
  });

  it('reports a claim that fails and claims again when it is told to', async () => {
    let broken = true;
    const errors: unknown[] = [];
    const seen: number[] = [];
    const pump = createPump<Row>({
      capacity: 1,
      groupCapacity: 1,
      groupOf: (row) => row.group,
      claim: async () => {
        if (broken) throw new Error('no database');
        return seen.length === 0 ? [{ id: 1, group: 'a' }] : [];
      },
      work: async (row) => void seen.push(row.id),
      onError: (error) => void errors.push(error),
    });
    await pump.kick();
    expect(errors).toHaveLength(1);
    broken = false;
    await pump.kick();
    await pump.idle();
    expect(seen).toEqual([1]);
  });

  it('is idle when the last call has ended and nothing more is found', async () => {
    const { pump, underWay, done } = bench(2, 2, ['a', 'b', 'c']);
    let idle = false;
    await pump.kick();
    const waiting = pump.idle().then(() => {
      idle = true;
    });
    while (underWay.length > 0) {
      await turn();
      expect(idle).toBe(false);
      underWay[0]?.end();
      await turn();
    }
    await waiting;
    expect(done).toEqual([0, 1, 2]);
    await pump.idle();
  });

  it('claims nothing more once it drains, but ends what is under way', async () => {
    const { pump, underWay, backlog, done } = bench(1, 1, ['a', 'a']);
    await pump.kick();
    const drained = pump.drain();
    underWay[0]?.end();
    await drained;
    await pump.kick();
    expect(done).toEqual([0]);
    expect(backlog).toHaveLength(1);
  });

  it('works every row once, within both capacities, whatever ends when', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 25 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fc.nat({ max: 5 })),
        async (groups, capacity, groupCapacity, picks) => {
          const { pump, underWay, backlog, done, peak } = bench(capacity, groupCapacity, groups);
          await pump.kick();
          for (const pick of picks) {
            if (underWay.length === 0) break;
            // While there is room, whoever is not saturated is under way.
            if (underWay.length < capacity) {
              for (const row of backlog) {
                expect(underWay.filter((call) => call.row.group === row.group).length).toBeGreaterThanOrEqual(groupCapacity);
              }
            }
            underWay[pick % underWay.length]?.end();
            await turn();
          }
          expect(backlog).toEqual([]);
          expect(done.toSorted((a, b) => a - b)).toEqual(groups.map((_, id) => id));
          expect(peak.get('all') ?? 0).toBeLessThanOrEqual(capacity);
          for (const group of ['a', 'b', 'c']) expect(peak.get(group) ?? 0).toBeLessThanOrEqual(groupCapacity);
        },
      ),
    );
  });
});
