#[test_only]
/// Random sequences over several batches at once, held after every step against a model of plain numbers that
/// also foresees what is refused. Everybody's money together never changes.
module capp::settlement_model_tests {
    use aptos_framework::fungible_asset::Metadata;
    use aptos_framework::object::{Self, Object};
    use aptos_framework::timestamp;
    use capp::fixture::{Self, admin, alice, balance, settler, signer_of, Chance};
    use capp::settlement::{Self as batches, Batch};

    const APPROVERS: vector<address> = vector[@0xD0, @0xD1, @0xD2];
    const ARBITERS: vector<address> = vector[@0xE0, @0xE1, @0xE2];
    const RECIPIENTS: vector<address> = vector[@0xC1, @0xC2, @0xC3];
    const AMOUNTS: vector<u64> = vector[1000, 2000, 3000];
    const TOTAL: u64 = 6000;
    const LIMIT: u64 = 604800;
    const NOBODY: u64 = 9;

    struct Model has copy, drop {
        batch: Object<Batch>,
        state: u8,
        deadline: u64,
        window: u64,
        is_funded: bool,
        approved: vector<bool>,
        window_ends_at: u64,
        resolve_by: u64,
        /// What each arbiter said: one of the judgements, or nothing yet.
        votes: vector<u64>,
        paid: vector<bool>,
        reversals: vector<u64>,
        to_return: u64,
        /// What the batch's store must hold.
        held: u64
    }

    /// Let it stand, take half of each, take the first back whole.
    fun judgement(number: u64): vector<u64> {
        vector[vector[0, 0, 0], vector[500, 1000, 1500], vector[1000, 0, 0]][number]
    }

    fun count(flags: &vector<bool>): u64 {
        let result = 0;
        for (i in 0..flags.length()) if (flags[i]) result += 1;
        result
    }

    fun is_payable(self: &Model): bool {
        let now = timestamp::now_seconds();
        self.state == 4
            || (self.state == 2 && now >= self.window_ends_at)
            || (self.state == 3 && now >= self.resolve_by)
    }

    fun pay_out(self: &mut Model, index: u64) {
        *self.paid.borrow_mut(index) = true;
        self.held -= AMOUNTS[index] - self.reversals[index];
    }

    fun settle(self: &mut Model) {
        if (self.to_return == 0 && count(&self.paid) == 3) self.state = 5;
    }

    fun end(self: &mut Model, state: u8) {
        self.state = state;
        self.held = 0;
    }

    fun before_execution(self: &mut Model, chance: &mut Chance) {
        let now = timestamp::now_seconds();
        let is_open = self.state == 1 && now < self.deadline;
        let who = chance.below(3);
        let kind = chance.below(7);
        if (kind == 0 && is_open && !self.is_funded) {
            batches::fund(&alice(), self.batch);
            self.is_funded = true;
            self.held = TOTAL;
        } else if (kind < 3 && is_open && !self.approved[who]) {
            batches::approve(&signer_of(APPROVERS[who]), self.batch, batches::digest(self.batch));
            *self.approved.borrow_mut(who) = true;
        } else if (kind == 3 && self.state == 1 && self.approved[who]) {
            batches::withdraw_approval(&signer_of(APPROVERS[who]), self.batch);
            *self.approved.borrow_mut(who) = false;
        } else if (kind < 6) {
            let is_ready = is_open && self.is_funded && count(&self.approved) >= 2;
            assert!(batches::is_executable(self.batch) == is_ready);
            if (is_ready) {
                batches::execute(&settler(), self.batch);
                self.state = 2;
                self.window_ends_at = now + self.window;
            };
        } else if (self.state == 1 && now >= self.deadline) {
            batches::refund_expired(self.batch);
            self.end(6);
        } else if (self.state == 1 && chance.below(6) == 0) {
            batches::cancel(&admin(), self.batch);
            self.end(7);
        }
    }

    fun vote(self: &mut Model, chance: &mut Chance) {
        if (self.state != 3 || timestamp::now_seconds() >= self.resolve_by) return;
        let (who, said) = (chance.below(3), chance.below(3));
        batches::vote(&signer_of(ARBITERS[who]), self.batch, judgement(said));
        *self.votes.borrow_mut(who) = said;
        let agreeing = 0;
        for (i in 0..3) if (self.votes[i] == said) agreeing += 1;
        if (agreeing < 2) return;
        self.state = 4;
        self.reversals = judgement(said);
        for (i in 0..3) {
            self.to_return += self.reversals[i];
            if (self.reversals[i] == AMOUNTS[i]) *self.paid.borrow_mut(i) = true;
        };
    }

    fun after_execution(self: &mut Model, chance: &mut Chance) {
        let now = timestamp::now_seconds();
        let index = chance.below(3);
        let kind = chance.below(8);
        if (kind < 2 && self.state == 2 && now < self.window_ends_at) {
            batches::open_dispute(&signer_of(RECIPIENTS[index]), self.batch, fixture::hash_of(b"evidence"));
            self.state = 3;
            self.resolve_by = now + LIMIT;
        } else if (kind < 4) self.vote(chance)
        else if (kind < 6 && self.is_payable() && !self.paid[index]) {
            batches::pay(self.batch, index);
            self.pay_out(index);
            self.settle();
        } else if (kind == 6 && self.is_payable()) {
            batches::pay_all(self.batch);
            for (i in 0..3) if (!self.paid[i]) self.pay_out(i);
            self.held -= self.to_return;
            self.to_return = 0;
            self.settle();
        } else if (kind == 7 && self.to_return > 0) {
            batches::return_reversed(self.batch);
            self.held -= self.to_return;
            self.to_return = 0;
            self.settle();
        }
    }

    fun assert_same(self: &Model, asset: Object<Metadata>) {
        let batch = self.batch;
        assert!(batches::state(batch) == self.state);
        let (total, is_funded) = batches::funding(batch);
        assert!(total == TOTAL && is_funded == self.is_funded);
        assert!(batches::approvals(batch).length() == count(&self.approved));
        let (paid, reversals) = batches::payouts(batch);
        assert!(paid == self.paid && reversals == self.reversals);
        assert!(batches::is_payable(batch) == self.is_payable());
        assert!(balance(asset, object::object_address(&batch)) == self.held);
    }

    fun new_batch(asset: Object<Metadata>, chance: &mut Chance, number: u64): Model {
        let id = x"0190a0b00000700080000000000000";
        id.push_back((number as u8));
        let deadline = timestamp::now_seconds() + 5000 + chance.below(20000);
        let window = chance.below(3) * 4000;
        batches::propose(
            &settler(), id, asset, @0xB1, RECIPIENTS, AMOUNTS, fixture::hash_of(b"root"), 3, 2, deadline, window
        );
        Model {
            batch: object::address_to_object<Batch>(batches::batch_address(id)),
            state: 1,
            deadline,
            window,
            is_funded: false,
            approved: vector[false, false, false],
            window_ends_at: 0,
            resolve_by: 0,
            votes: vector[NOBODY, NOBODY, NOBODY],
            paid: vector[false, false, false],
            reversals: vector[0, 0, 0],
            to_return: 0,
            held: 0
        }
    }

    fun run(seed: u64) {
        fixture::publish();
        let asset = fixture::new_asset(b"KES");
        let chance = fixture::chance(seed);
        batches::set_approvers(&admin(), APPROVERS, 2);
        batches::set_arbiters(&admin(), ARBITERS, 2);
        batches::set_batch_cap(&admin(), asset, TOTAL);
        fixture::mint(asset, @0xB1, 100000);
        let models = vector[];
        for (number in 0..10) models.push_back(new_batch(asset, &mut chance, number));
        for (step in 0..400) {
            let model = models.borrow_mut(chance.below(10));
            if (model.state == 1) model.before_execution(&mut chance) else model.after_execution(&mut chance);
            model.assert_same(asset);
            if (chance.below(12) == 0) fixture::pass(chance.below(3000) + 1);
            if (step == 300) fixture::pass(LIMIT);
            assert_money(asset, &models);
        };
    }

    /// What left the payer is with the batches or with the recipients.
    fun assert_money(asset: Object<Metadata>, models: &vector<Model>) {
        let sum = balance(asset, @0xB1);
        for (i in 0..3) sum += balance(asset, RECIPIENTS[i]);
        for (i in 0..models.length()) sum += models[i].held;
        assert!(sum == 100000);
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
}
