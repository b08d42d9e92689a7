/** How PINs stand, in PostgreSQL, where all processes look. A PIN is kept as a keyed hash: four digits are found again from any other. */
import type { Pool } from 'pg';
import { hmacSha256 } from '../../../db/keyring.ts';
import { type PinName, type PinStanding, type PinStore, TRIAL_MS } from '../pins.ts';

const LOOK_SQL = `select state from operator_pins where rail_id = $1 and digest = $2
  and (state <> 'on_trial' or changed_at > clock_timestamp() - interval '${TRIAL_MS} milliseconds')`;

const TRY_SQL = `insert into operator_pins as p (rail_id, digest, state, changed_at) values ($1, $2, 'on_trial', clock_timestamp())
  on conflict (rail_id, digest) do update set changed_at = clock_timestamp()
    where p.state = 'on_trial' and p.changed_at <= clock_timestamp() - interval '${TRIAL_MS} milliseconds'`;

const REPORT_SQL = `insert into operator_pins (rail_id, digest, state, changed_at) values ($1, $2, $3, clock_timestamp())
  on conflict (rail_id, digest) do update set state = excluded.state, changed_at = excluded.changed_at`;

const LOOK_AGAIN_MS = 250;

/** Makes the store. Its times are the database's. `wait` waits a moment unless something else is given. */
export function postgresPinStore(pool: Pool, key: Buffer, wait = () => sleep(LOOK_AGAIN_MS)): PinStore {
  const keyedHash = hmacSha256(key);
  const idOf = ({ railId, pin }: PinName): [string, Buffer] => [railId, keyedHash(`operator pin ${railId} ${pin}`)];
  return {
    async look(name) {
      const { rows } = await pool.query<{ state: PinStanding }>({ name: 'look_at_operator_pin', text: LOOK_SQL, values: idOf(name) });
      return rows[0]?.state ?? null;
    },
    async begin(name) {
      const { rowCount } = await pool.query({ name: 'try_operator_pin', text: TRY_SQL, values: idOf(name) });
      return rowCount === 1;
    },
    async report(name, shown) {
      if (shown === 'untold')
        await pool.query("delete from operator_pins where rail_id = $1 and digest = $2 and state = 'on_trial'", idOf(name));
      else await pool.query({ name: 'report_operator_pin', text: REPORT_SQL, values: [...idOf(name), shown] });
    },
    wait,
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A person says that the PINs of a rail are right, as after the operator has unlocked the account: they are tried anew. Gives how many. */
export async function liftRefusedPins(pool: Pool, railId: string): Promise<number> {
  const { rowCount } = await pool.query("delete from operator_pins where rail_id = $1 and state = 'refused'", [railId]);
  return rowCount ?? 0;
}
