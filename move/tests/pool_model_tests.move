#[test_only]
/// Random sequences of everything that can be done with a pool, held after every step against a model of plain
/// numbers that also foresees what is refused.
module capp::pool_model_tests {
    use aptos_framework::fungible_asset::Metadata;
    use aptos_framework::object::{Self, Object};
    use aptos_framework::timestamp;
    use capp::fixture::{Self, admin, balance, guardian, settler, signer_of, treasury, Chance};
    use capp::liquidity_pool::{Self as pools, Pool};

    const PROVIDERS: vector<address> = vector[@0xB1, @0xB2];
    const POOL_CAP: u256 = 1000000;
    const PROVIDER_CAP: u256 = 600000;
    const EXPOSURE_CAP: u256 = 500000;
    const RESERVATION_CAP: u256 = 200000;
    const LOCKED: u256 = 1000;

    struct Model has drop {
        paused: bool,
        cash: u256,
        reserved: u256,
        outstanding: u256,
        shares: u256,
        free: vector<u256>,
        pending: vector<u256>,
        unlocks_at: vector<u64>,
        reservations: vector<Held>,
        /// Fees paid in, and what of them reached providers and treasury.
        fees_in: u256,
        fees_out: u256,
        /// What providers hold outside the pool, without fees.
        wallets: vector<u256>
    }

    struct Held has copy, drop {
        id: vector<u8>,
        amount: u256,
        expires_at: u64,
        is_open: bool
    }

    fun new_model(): Model {
        Model {
            paused: false,
            cash: 0,
            reserved: 0,
            outstanding: 0,
            shares: 0,
            free: vector[0, 0],
            pending: vector[0, 0],
            unlocks_at: vector[0, 0],
            reservations: vector[],
            fees_in: 0,
            fees_out: 0,
            wallets: vector[1000000, 1000000]
        }
    }

    fun assets(self: &Model): u256 {
        self.cash + self.outstanding
    }

    fun worth(self: &Model, shares: u256): u256 {
        if (self.shares == 0) 0 else shares * self.assets() / self.shares
    }

    fun lendable(self: &Model): u256 {
        let waiting = self.pending[0] + self.pending[1];
        let promised = self.reserved;
        if (waiting > 0) promised += (waiting * self.assets() + self.shares - 1) / self.shares;
        if (self.cash > promised) self.cash - promised else 0
    }

    /// Up to `most`, at least 1; 0 when there is nothing.
    fun some_of(chance: &mut Chance, most: u256): u64 {
        if (most == 0) 0 else chance.below((most as u64)) + 1
    }

    fun deposit(self: &mut Model, pool: Object<Pool>, chance: &mut Chance, who: u64) {
        let amount = (some_of(chance, 60000) as u256);
        let minted =
            if (self.shares == 0) (if (amount > LOCKED) amount - LOCKED else 0)
            else if (self.assets() == 0) 0
            else amount * self.shares / self.assets();
        let locked = if (self.shares == 0) LOCKED else 0;
        let shares = self.shares + minted + locked;
        if (self.paused || minted == 0 || self.assets() + amount > POOL_CAP || amount > self.wallets[who]) return;
        let held = self.free[who] + self.pending[who] + minted;
        if (held * (self.assets() + amount) / shares > PROVIDER_CAP) return;
        pools::deposit(&signer_of(PROVIDERS[who]), pool, (amount as u64), (minted as u128));
        self.shares = shares;
        self.cash += amount;
        let free = self.free.borrow_mut(who);
        *free += minted;
        let wallet = self.wallets.borrow_mut(who);
        *wallet -= amount;
    }

    fun request(self: &mut Model, pool: Object<Pool>, chance: &mut Chance, who: u64) {
        let shares = some_of(chance, self.free[who]);
        if (shares == 0) return;
        pools::request_withdrawal(&signer_of(PROVIDERS[who]), pool, (shares as u128));
        let free = self.free.borrow_mut(who);
        *free -= (shares as u256);
        let pending = self.pending.borrow_mut(who);
        *pending += (shares as u256);
        *self.unlocks_at.borrow_mut(who) = timestamp::now_seconds() + 86400;
    }

    fun cancel(self: &mut Model, pool: Object<Pool>, who: u64) {
        let shares = self.pending[who];
        if (shares == 0) return;
        pools::cancel_withdrawal(&signer_of(PROVIDERS[who]), pool);
        *self.pending.borrow_mut(who) = 0;
        let free = self.free.borrow_mut(who);
        *free += shares;
    }

    fun withdraw(self: &mut Model, pool: Object<Pool>, chance: &mut Chance, who: u64) {
        let shares = (some_of(chance, self.pending[who]) as u256);
        let amount = self.worth(shares);
        if (shares == 0 || timestamp::now_seconds() < self.unlocks_at[who]) return;
        if (amount > self.cash - self.reserved) return;
        pools::withdraw(&signer_of(PROVIDERS[who]), pool, (shares as u128), (amount as u64));
        let pending = self.pending.borrow_mut(who);
        *pending -= shares;
        self.shares -= shares;
        self.cash -= amount;
        let wallet = self.wallets.borrow_mut(who);
        *wallet += amount;
    }

    fun reserve(self: &mut Model, pool: Object<Pool>, chance: &mut Chance, step: u64) {
        let amount = (some_of(chance, 40000) as u256);
        if (self.paused || amount > RESERVATION_CAP || amount > self.lendable()) return;
        if (self.reserved + self.outstanding + amount > EXPOSURE_CAP) return;
        let id = std::bcs::to_bytes(&step);
        pools::reserve(&settler(), pool, id, (amount as u64));
        self.reserved += amount;
        self.reservations.push_back(
            Held { id, amount, expires_at: timestamp::now_seconds() + 3600, is_open: true }
        );
    }

    fun release(self: &mut Model, pool: Object<Pool>, chance: &mut Chance) {
        let count = self.reservations.length();
        if (count == 0) return;
        let held = self.reservations.borrow_mut(chance.below(count));
        let by = if (chance.below(2) == 0) settler() else fixture::mallory();
        let is_allowed =
            std::signer::address_of(&by) == @0xA1 || timestamp::now_seconds() >= held.expires_at;
        if (!held.is_open || !is_allowed) return;
        pools::release(&by, pool, held.id);
        held.is_open = false;
        self.reserved -= held.amount;
    }

    fun consume(self: &mut Model, pool: Object<Pool>, chance: &mut Chance) {
        let count = self.reservations.length();
        if (count == 0 || self.paused) return;
        let held = self.reservations.borrow_mut(chance.below(count));
        if (!held.is_open || timestamp::now_seconds() >= held.expires_at) return;
        let amount = some_of(chance, held.amount);
        pools::consume(&settler(), pool, held.id, amount, @0xA1);
        held.is_open = false;
        self.reserved -= held.amount;
        self.cash -= (amount as u256);
        self.outstanding += (amount as u256);
    }

    fun repay(self: &mut Model, pool: Object<Pool>, chance: &mut Chance) {
        let principal = some_of(chance, self.outstanding);
        let fee = chance.below(500);
        if (principal + fee == 0) return;
        pools::repay(&settler(), pool, principal, fee);
        self.cash += (principal as u256);
        self.outstanding -= (principal as u256);
        self.fees_in += (fee as u256);
    }

    fun write_off(self: &mut Model, pool: Object<Pool>, chance: &mut Chance) {
        let amount = some_of(chance, self.outstanding / 10);
        if (amount == 0) return;
        pools::write_off(&admin(), pool, amount);
        self.outstanding -= (amount as u256);
    }

    fun claim(self: &mut Model, pool: Object<Pool>, who: u64) {
        let (_, _, _, fees) = pools::position(pool, PROVIDERS[who]);
        if (fees > 0) {
            pools::claim_fees(&signer_of(PROVIDERS[who]), pool);
            self.fees_out += (fees as u256);
            let wallet = self.wallets.borrow_mut(who);
            *wallet += (fees as u256);
        };
        let (_, for_treasury) = pools::fees(pool);
        if (for_treasury > 0) {
            pools::pay_treasury(pool);
            self.fees_out += (for_treasury as u256);
        };
    }

    fun toggle(self: &mut Model, pool: Object<Pool>) {
        if (self.paused) pools::resume(&admin(), pool) else pools::pause(&guardian(), pool);
        self.paused = !self.paused;
    }

    fun step(self: &mut Model, pool: Object<Pool>, chance: &mut Chance, number: u64) {
        let who = chance.below(2);
        let kind = chance.below(24);
        if (kind < 5) self.deposit(pool, chance, who)
        else if (kind < 7) self.request(pool, chance, who)
        else if (kind == 7) self.cancel(pool, who)
        else if (kind < 10) self.withdraw(pool, chance, who)
        else if (kind < 13) self.reserve(pool, chance, number)
        else if (kind == 13) self.release(pool, chance)
        else if (kind < 17) self.consume(pool, chance)
        else if (kind < 20) self.repay(pool, chance)
        else if (kind == 20) self.claim(pool, who)
        else if (kind == 21) (if (chance.below(4) == 0) self.write_off(pool, chance))
        else if (kind == 22) fixture::pass(chance.below(90000) + 1)
        else if (chance.below(3) == 0 || self.paused) self.toggle(pool);
    }

    fun assert_same(self: &Model, pool: Object<Pool>, asset: Object<Metadata>) {
        let (cash, reserved, outstanding) = pools::balances(pool);
        assert!((cash as u256) == self.cash && (reserved as u256) == self.reserved);
        assert!((outstanding as u256) == self.outstanding);
        let (shares, pending) = pools::shares(pool);
        assert!((shares as u256) == self.shares && (pending as u256) == self.pending[0] + self.pending[1]);
        assert!((pools::available(pool) as u256) == self.lendable());
        assert!(pools::is_paused(pool) == self.paused);
        let claimable = 0;
        for (who in 0..2) {
            let (free, waiting, _, fees) = pools::position(pool, PROVIDERS[who]);
            assert!((free as u256) == self.free[who] && (waiting as u256) == self.pending[who]);
            assert!((balance(asset, PROVIDERS[who]) as u256) == self.wallets[who]);
            claimable += fees;
        };
        // The shares are all there, the vault holds what the books say, and no more fees are promised than came in.
        let owned = self.free[0] + self.free[1] + self.pending[0] + self.pending[1];
        assert!(self.shares == 0 || self.shares == owned + LOCKED);
        let (for_providers, for_treasury) = pools::fees(pool);
        assert!(claimable <= for_providers);
        assert!((for_providers as u256) + (for_treasury as u256) + self.fees_out == self.fees_in);
        let vault = balance(asset, object::object_address(&pool));
        assert!(vault == cash + for_providers + for_treasury);
    }

    fun run(seed: u64) {
        let (pool, asset) = fixture::new_pool();
        let model = new_model();
        let chance = fixture::chance(seed);
        for (number in 0..250) {
            let (assets, shares, written_off) = (model.assets(), model.shares, model.outstanding);
            let cash = model.cash;
            model.step(pool, &mut chance, number);
            model.assert_same(pool, asset);
            // Only a loss lowers the worth of a share: then outstanding falls and cash stays.
            let is_loss = model.outstanding < written_off && model.cash == cash;
            if (shares > 0 && !is_loss) assert!(model.assets() * shares >= assets * model.shares);
        };
        // Whatever happened: once settlement has repaid, everybody gets out.
        leave(&mut model, pool);
        model.assert_same(pool, asset);
        assert!(balance(asset, treasury()) > 0);
    }

    fun leave(model: &mut Model, pool: Object<Pool>) {
        fixture::pass(604800);
        for (i in 0..model.reservations.length()) {
            let held = model.reservations[i];
            if (held.is_open) {
                pools::release(&fixture::mallory(), pool, held.id);
                model.reserved -= held.amount;
            };
        };
        pools::repay(&settler(), pool, (model.outstanding as u64), 100);
        model.fees_in += 100;
        model.cash += model.outstanding;
        model.outstanding = 0;
        for (who in 0..2) {
            let free = model.free[who];
            if (free > 0) pools::request_withdrawal(&signer_of(PROVIDERS[who]), pool, (free as u128));
            *model.free.borrow_mut(who) = 0;
            let pending = model.pending.borrow_mut(who);
            *pending += free;
        };
        fixture::pass(86400);
        for (who in 0..2) {
            let shares = model.pending[who];
            let amount = model.worth(shares);
            if (shares > 0) pools::withdraw(&signer_of(PROVIDERS[who]), pool, (shares as u128), (amount as u64));
            *model.pending.borrow_mut(who) = 0;
            model.shares -= shares;
            model.cash -= amount;
            let wallet = model.wallets.borrow_mut(who);
            *wallet += amount;
            model.claim(pool, who);
        };
        assert!(model.shares == LOCKED);
    }

    #[test]
    fun random_sequence_of_seed_1() {
        run(1)
    }

    #[test]
    fun random_sequence_of_seed_2() {
        run(2)
    }

    #[test]
    fun random_sequence_of_seed_3() {
        run(3)
    }

    #[test]
    fun random_sequence_of_seed_4() {
        run(4)
    }
}
