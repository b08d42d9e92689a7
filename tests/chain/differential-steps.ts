/** Random steps for the differential test: mostly right, often not, so that every rule is met from both sides. */
import { ASSET, PEOPLE, POOL, type Step, type ViewCall, type World } from './differential.ts';
import { batchAddress, batchAt, batchExists, rulesOf } from '../../sandbox/aptos/settlement-state.ts';
import { leafHash } from '../../sandbox/aptos/merkle.ts';
import { addressOf, openFrame, sha256, textHex, type Value } from '../../sandbox/aptos/vm.ts';
import { CONTRACT } from './differential.ts';

const APPROVERS = ['0xd0', '0xd1', '0xd2'].map(addressOf);
const ARBITERS = ['0xe0', '0xe1', '0xe2'].map(addressOf);
const RECIPIENTS = ['0xc1', '0xc2', '0xc3'].map(addressOf);
const BATCHES = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => `0190a0b000007000800000000000000${number}`);
const RESERVATIONS = ['a1', 'b2', 'c3', 'd4'];
export const EVERYBODY = [...Object.values(PEOPLE), ...APPROVERS, ...ARBITERS, ...RECIPIENTS];

/** Chance that can be repeated. */
export interface Dice {
  below(bound: number): number;
  of<T>(choices: readonly T[]): T;
  /** True about once in so many. */
  once(inHowMany: number): boolean;
}

/** A small generator (mulberry32). */
export function dice(seed: number): Dice {
  let state = seed >>> 0;
  const below = (bound: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
  return { below, of: (choices) => choices[below(choices.length)] as (typeof choices)[number], once: (times) => below(times) === 0 };
}

const call = (signer: string, fn: string, ...args: readonly Value[]): Step => ({ kind: 'call', signer, fn, args });
const hash = (text: string): string => sha256(textHex(text));

/** The right signer, or once in a while anybody. */
const by = (roll: Dice, right: string): string => (roll.once(12) ? roll.of(EVERYBODY) : right);

/** How every sequence begins. */
export const BEGINNING: readonly Step[] = [
  call(PEOPLE.admin, 'settlement::set_approvers', APPROVERS, 2n),
  call(PEOPLE.admin, 'settlement::set_arbiters', ARBITERS, 2n),
  call(PEOPLE.admin, 'settlement::set_batch_cap', ASSET, 10_000n),
  call(PEOPLE.alice, 'liquidity_pool::deposit', POOL, 400_000n, 1n),
  call(PEOPLE.admin, 'compliance_registry::add_issuer', PEOPLE.bob, 3n),
];

function propose(roll: Dice, world: World, batchId: string): Step {
  const count = roll.once(10) ? roll.below(5) : 3;
  const recipients = roll.once(12) ? [PEOPLE.alice, RECIPIENTS[0] ?? ''] : RECIPIENTS.slice(0, Math.min(count, 3));
  const amounts = recipients.map((_, index) => (roll.once(25) ? 0n : roll.once(25) ? 9_000n : BigInt(1_000 * (index + 1))));
  const deadline = world.nowSecs + BigInt(roll.once(12) ? 0 : 600 + roll.below(20_000));
  return call(
    by(roll, PEOPLE.settler),
    'settlement::propose',
    roll.once(25) ? 'abcd' : batchId,
    ASSET,
    roll.once(3) ? POOL : PEOPLE.alice,
    recipients,
    roll.once(20) ? amounts.slice(1) : amounts,
    roll.once(25) ? 'ab' : hash('root'),
    roll.once(25) ? 0n : 3n,
    roll.once(12) ? BigInt(roll.below(5)) : 2n,
    deadline,
    BigInt(roll.below(3) * 2_000),
  );
}

function beforeExecution(roll: Dice, world: World, batchId: string, at: string): Step {
  const frame = openFrame(world.ledger.state, CONTRACT, world.nowSecs);
  const digest = batchExists(frame, batchId) && !roll.once(10) ? batchAt(frame, at).digest : hash('other');
  switch (roll.below(10)) {
    case 0:
      return call(by(roll, PEOPLE.alice), 'settlement::fund', at);
    case 1:
      return call(by(roll, PEOPLE.settler), 'settlement::fund_from_pool', at, POOL, roll.of(RESERVATIONS));
    case 2:
    case 3:
    case 4:
    case 5:
      return call(by(roll, roll.of(APPROVERS)), 'settlement::approve', at, digest);
    case 6:
      return call(roll.of(APPROVERS), 'settlement::withdraw_approval', at);
    case 7:
      return call(by(roll, PEOPLE.settler), 'settlement::execute', at);
    case 8:
      return call(by(roll, PEOPLE.settler), 'settlement::execute_and_pay', at);
    default:
      return roll.once(3)
        ? call(by(roll, PEOPLE.settler), 'settlement::cancel', at)
        : call(PEOPLE.mallory, 'settlement::refund_expired', at);
  }
}

/** What brings a proposal nearer to its execution; null when it is past that. */
function onward(roll: Dice, world: World, at: string): Step | null {
  const batch = batchAt(openFrame(world.ledger.state, CONTRACT, world.nowSecs), at);
  if (batch.state !== 1n || world.nowSecs >= batch.terms.deadline) return null;
  if (!batch.funded && batch.terms.payer === PEOPLE.alice) return call(PEOPLE.alice, 'settlement::fund', at);
  if (!batch.funded) return call(PEOPLE.settler, 'settlement::fund_from_pool', at, POOL, roll.of(RESERVATIONS));
  const missing = APPROVERS.find((account) => !batch.approvals.includes(account));
  if (missing !== undefined && batch.approvals.length < 2) return call(missing, 'settlement::approve', at, batch.digest);
  return call(PEOPLE.settler, roll.once(3) ? 'settlement::execute_and_pay' : 'settlement::execute', at);
}

function afterExecution(roll: Dice, at: string): Step {
  const reversals = roll.of([
    [0n, 0n, 0n],
    [500n, 1_000n, 1_500n],
    [1_000n, 0n, 0n],
  ]);
  switch (roll.below(8)) {
    case 0:
      return call(by(roll, roll.of(RECIPIENTS)), 'settlement::open_dispute', at, roll.once(10) ? 'ab' : hash('evidence'));
    case 1:
    case 2:
    case 3:
      return call(by(roll, roll.of(ARBITERS)), 'settlement::vote', at, roll.once(10) ? [1n] : roll.once(10) ? [9_999n, 0n, 0n] : reversals);
    case 4:
      return call(PEOPLE.mallory, 'settlement::pay', at, BigInt(roll.below(4)));
    case 5:
      return call(PEOPLE.mallory, 'settlement::pay_all', at);
    case 6:
      return call(PEOPLE.mallory, 'settlement::return_reversed', at);
    default:
      return call(PEOPLE.mallory, 'settlement::sweep', at);
  }
}

function ofSettlement(roll: Dice, world: World): Step {
  if (roll.once(60)) return call(by(roll, PEOPLE.guardian), 'settlement::pause');
  const isPaused = rulesOf(openFrame(world.ledger.state, CONTRACT, world.nowSecs)).paused;
  if (roll.once(isPaused ? 4 : 60)) return call(by(roll, PEOPLE.admin), 'settlement::resume');
  if (roll.once(25))
    return call(by(roll, PEOPLE.admin), 'settlement::set_approvers', APPROVERS.slice(0, roll.once(4) ? 1 : 3), BigInt(1 + roll.below(3)));
  if (roll.once(25))
    return call(by(roll, PEOPLE.admin), 'settlement::set_dispute_rules', BigInt(roll.below(2) * 1_000), BigInt(roll.below(2) * 90_000));
  const frame = openFrame(world.ledger.state, CONTRACT, world.nowSecs);
  const batchId = roll.of(BATCHES);
  const at = batchAddress(CONTRACT, batchId);
  if (batchExists(frame, batchId) ? roll.once(25) : !roll.once(10)) return propose(roll, world, batchId);
  const forward = batchExists(frame, batchId) && roll.below(10) < 6 ? onward(roll, world, at) : null;
  if (forward !== null) return forward;
  const isExecuted = batchExists(frame, batchId) && batchAt(frame, at).state > 1n;
  return isExecuted && !roll.once(6) ? afterExecution(roll, at) : beforeExecution(roll, world, batchId, at);
}

function ofPool(roll: Dice): Step {
  const provider = roll.of([PEOPLE.alice, PEOPLE.alice, PEOPLE.bob, PEOPLE.mallory]);
  const amount = BigInt(roll.once(12) ? 0 : roll.once(10) ? 900_000 : 1_000 + roll.below(90_000));
  switch (roll.below(14)) {
    case 0:
    case 1:
      return call(provider, 'liquidity_pool::deposit', POOL, amount, roll.once(8) ? amount * 2n : 1n);
    case 2:
      return call(provider, 'liquidity_pool::request_withdrawal', POOL, roll.once(4) ? amount : 700n);
    case 3:
      return call(provider, 'liquidity_pool::cancel_withdrawal', POOL);
    case 4:
      return call(provider, 'liquidity_pool::withdraw', POOL, roll.once(3) ? 500n : amount, roll.once(8) ? amount * 9n : 0n);
    case 5:
      return call(provider, 'liquidity_pool::claim_fees', POOL);
    case 6:
      return call(PEOPLE.mallory, 'liquidity_pool::pay_treasury', POOL);
    case 7:
    case 8:
      return call(
        by(roll, PEOPLE.settler),
        'liquidity_pool::reserve',
        POOL,
        roll.once(10) ? '' : roll.of(RESERVATIONS),
        roll.once(2) ? 6_000n : amount,
      );
    case 9:
      return call(by(roll, PEOPLE.settler), 'liquidity_pool::release', POOL, roll.of(RESERVATIONS));
    case 10:
      return call(
        by(roll, PEOPLE.settler),
        'liquidity_pool::consume',
        POOL,
        roll.of(RESERVATIONS),
        roll.once(4) ? amount : 1_000n,
        PEOPLE.mallory,
      );
    case 11:
      return call(
        PEOPLE.settler,
        'liquidity_pool::repay',
        POOL,
        roll.once(4) ? amount : BigInt(roll.below(3) * 500),
        BigInt(roll.below(3) * 777),
      );
    case 12:
      return call(by(roll, PEOPLE.admin), 'liquidity_pool::write_off', POOL, BigInt(roll.below(3) * 500));
    default:
      return roll.once(5)
        ? call(by(roll, PEOPLE.guardian), 'liquidity_pool::pause', POOL)
        : call(by(roll, PEOPLE.admin), 'liquidity_pool::resume', POOL);
  }
}

const SUBJECTS = ['one', 'two'].map(hash);
/** Two entries in ascending order, and the version of a list that has them in this order or the other. */
export const ENTRIES_ASCENDING = ['10'.repeat(32), '20'.repeat(32)] as const;
const [LOW, HIGH] = ENTRIES_ASCENDING;
const node = (left: string, right: string): string => sha256(`01${leafHash(left)}${leafHash(right)}`);

function ofRegistry(roll: Dice, world: World): Step {
  const subject = roll.once(12) ? 'ab' : roll.of(SUBJECTS);
  const expiry = world.nowSecs + BigInt(roll.once(8) ? 0 : 5_000 + roll.below(9_000));
  const list = BigInt(roll.below(2));
  switch (roll.below(11)) {
    case 0:
    case 1:
      return call(by(roll, PEOPLE.bob), 'compliance_registry::attest', subject, BigInt(roll.below(5)), expiry, hash('evidence'));
    case 2:
      return call(by(roll, PEOPLE.bob), 'compliance_registry::renew', subject, BigInt(1 + roll.below(3)), expiry, hash('evidence'));
    case 3:
      return call(by(roll, PEOPLE.regulator), 'compliance_registry::revoke', subject, PEOPLE.bob, BigInt(roll.below(7)));
    case 4:
      return call(by(roll, PEOPLE.regulator), 'compliance_registry::set_issuer_active', PEOPLE.bob, roll.once(2));
    case 5: {
      const root = roll.of([node(LOW, HIGH), node(HIGH, LOW), sha256('')]);
      return call(by(roll, PEOPLE.regulator), 'compliance_registry::publish_list', list, root, roll.once(4) ? 0n : 2n, hash('source'));
    }
    case 6: {
      const [first, next] = roll.once(2) ? [HIGH, LOW] : [LOW, HIGH];
      const version = BigInt(1 + roll.below(3));
      return call(PEOPLE.mallory, 'compliance_registry::challenge_order', list, version, 0n, first, [leafHash(next)], next, [
        leafHash(first),
      ]);
    }
    case 7:
      return call(
        by(roll, PEOPLE.reporter),
        'compliance_registry::file_report',
        BigInt(roll.below(6)),
        roll.once(5) ? 202_613n : 202_601n,
        textHex(roll.once(6) ? 'kes' : 'KES'),
        5n,
        10n ** 20n,
        hash('document'),
      );
    case 8:
    case 9:
      return call(by(roll, PEOPLE.reporter), 'compliance_registry::anchor_audit', BigInt(roll.below(60)), hash('head'));
    default:
      return roll.once(5)
        ? call(by(roll, PEOPLE.regulator), 'compliance_registry::pause')
        : call(by(roll, PEOPLE.admin), 'compliance_registry::resume');
  }
}

function ofRoles(roll: Dice): Step {
  const module = roll.of(['settlement', 'liquidity_pool', 'compliance_registry']);
  const role = BigInt(roll.below(5));
  const who = roll.of([PEOPLE.admin, PEOPLE.mallory, PEOPLE.bob, PEOPLE.settler]);
  if (roll.once(3)) return call(who, `${module}::withdraw_role_offer`, role);
  // The roles that the other steps need stay where they are: only what nobody holds out for is accepted.
  return roll.once(2)
    ? call(who, `${module}::offer_role`, role, roll.of([PEOPLE.bob, PEOPLE.admin]))
    : call(PEOPLE.mallory, `${module}::accept_role`, role);
}

/** The next step of a sequence, which may look at the state it meets. */
export function nextStep(roll: Dice, world: World): Step {
  const kind = roll.below(20);
  if (kind === 0) return { kind: 'pass', secs: BigInt(1 + roll.below(roll.once(8) ? 90_000 : 2_500)) };
  if (kind === 1 && roll.once(3)) return { kind: 'freeze', owner: RECIPIENTS[0] ?? '', frozen: roll.once(2) };
  if (kind === 1 && roll.once(2)) return { kind: 'tax', owner: batchAddress(CONTRACT, roll.of(BATCHES)), units: BigInt(roll.below(2)) };
  if (kind === 2) return ofRoles(roll);
  if (kind < 6) return ofRegistry(roll, world);
  return kind < 11 ? ofPool(roll) : ofSettlement(roll, world);
}

/** Every view that can be asked of the end state without an abort. */
export function viewsOf(world: World): ViewCall[] {
  const frame = openFrame(world.ledger.state, CONTRACT, world.nowSecs);
  const batches = BATCHES.filter((id) => batchExists(frame, id)).map((id) => batchAddress(CONTRACT, id));
  const ofBatch = [
    'state',
    'root_and_count',
    'digest',
    'funding',
    'approvals',
    'is_executable',
    'is_payable',
    'execution',
    'payouts',
    'dispute',
  ];
  const ofThePool = ['balances', 'shares', 'fees', 'limits', 'terms', 'is_paused', 'available'];
  const plain = [
    'settlement::approvers',
    'settlement::arbiters',
    'settlement::dispute_rules',
    'settlement::is_paused',
    'compliance_registry::is_paused',
    'compliance_registry::anchor_count',
  ];
  const providers = [PEOPLE.alice, PEOPLE.bob, PEOPLE.mallory];
  const lists = [0n, 1n];
  return [
    ...BATCHES.flatMap((id) => [
      { fn: 'settlement::batch_address', args: [id] },
      { fn: 'settlement::batch_exists', args: [id] },
    ]),
    ...batches.flatMap((at) => ofBatch.map((name) => ({ fn: `settlement::${name}`, args: [at] }))),
    ...ofThePool.map((name) => ({ fn: `liquidity_pool::${name}`, args: [POOL] })),
    ...providers.map((provider) => ({ fn: 'liquidity_pool::position', args: [POOL, provider] })),
    ...RESERVATIONS.map((id) => ({ fn: 'liquidity_pool::reservation', args: [POOL, id] })),
    { fn: 'liquidity_pool::pool_address', args: [ASSET] },
    { fn: 'liquidity_pool::quote_withdrawal', args: [POOL, 12_345n] },
    { fn: 'settlement::batch_cap', args: [ASSET] },
    ...[0n, 1n, 2n].flatMap((role) =>
      ['settlement', 'liquidity_pool', 'compliance_registry'].map((module) => ({ fn: `${module}::role_holder`, args: [role] })),
    ),
    ...plain.map((fn) => ({ fn, args: [] })),
    ...lists.map((list) => ({ fn: 'compliance_registry::latest_version', args: [list] })),
    ...SUBJECTS.flatMap((subject) => [
      { fn: 'compliance_registry::attestation', args: [subject, PEOPLE.bob] },
      { fn: 'compliance_registry::is_attested', args: [subject, PEOPLE.bob, 2n] },
    ]),
    { fn: 'compliance_registry::issuer', args: [PEOPLE.bob] },
    { fn: 'compliance_registry::report_revision', args: [1n, 202_601n, textHex('KES')] },
  ];
}
