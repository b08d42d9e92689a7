#[test_only]
module capp::pool_tests {
    use std::bcs;
    use aptos_framework::event;
    use aptos_framework::fungible_asset::Metadata;
    use aptos_framework::object::{Self, Object};
    use aptos_framework::primary_fungible_store;
    use capp::fixture::{
        Self, admin, alice, balance, bob, guardian, mallory, new_pool, pass, settler, treasury
    };
    use capp::liquidity_pool::{Self as pools, Consumed, Deposited, FeesAccrued, PoolCreated, Pool, Released, Withdrawn};

    const U64_MAX: u64 = 18446744073709551615;

    /// A pool with 100,000 of Alice's in it.
    fun funded(): (Object<Pool>, Object<Metadata>) {
        let (pool, asset) = new_pool();
        pools::deposit(&alice(), pool, 100000, 0);
        (pool, asset)
    }

    /// Alice has 40,000 shares pending that unlock in a day.
    fun pending(): (Object<Pool>, Object<Metadata>) {
        let (pool, asset) = funded();
        pools::request_withdrawal(&alice(), pool, 40000);
        (pool, asset)
    }

    fun vault(pool: Object<Pool>, asset: Object<Metadata>): u64 {
        balance(asset, object::object_address(&pool))
    }

    struct DepositedShape has drop {
        pool: address,
        provider: address,
        amount: u64,
        shares: u128
    }

    struct ConsumedShape has drop {
        pool: address,
        id: vector<u8>,
        amount: u64,
        recipient: address
    }

    struct ReleasedShape has drop {
        pool: address,
        id: vector<u8>,
        amount: u64
    }

    // Creation and terms.

    #[test]
    fun a_pool_is_created_with_its_limits() {
        let (pool, asset) = new_pool();
        assert!(pools::pool_exists(asset));
        assert!(pools::asset(pool) == asset);
        assert!(pools::pool_address(asset) == object::object_address(&pool));
        let (pool_cap, provider_cap, exposure_cap, reservation_cap) = pools::limits(pool);
        assert!(pool_cap == 1000000 && provider_cap == 600000 && exposure_cap == 500000 && reservation_cap == 200000);
        let (delay, life, share) = pools::terms(pool);
        assert!(delay == 86400 && life == 3600 && share == 1000);
        assert!(!pools::is_paused(pool));
        assert!(event::emitted_events<PoolCreated>().length() == 1);
    }

    #[test]
    fun each_asset_has_a_pool_of_its_own() {
        let (_, asset) = new_pool();
        let other = fixture::new_asset(b"UGX");
        assert!(!pools::pool_exists(other));
        pools::create_pool(&admin(), other, 1, 1, 1, 1, 0, 1, 0);
        assert!(pools::pool_exists(other));
        assert!(pools::pool_address(other) != pools::pool_address(asset));
    }

    #[test]
    #[expected_failure(abort_code = 0x80006, location = capp::liquidity_pool)]
    fun an_asset_has_one_pool() {
        let (_, asset) = new_pool();
        pools::create_pool(&admin(), asset, 1, 1, 1, 1, 0, 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x50001, location = capp::liquidity_pool)]
    fun only_the_administrator_creates() {
        fixture::publish();
        let asset = fixture::new_asset(b"KES");
        pools::create_pool(&settler(), asset, 1, 1, 1, 1, 0, 1, 0);
    }

    #[test]
    fun limits_and_terms_can_be_changed() {
        let (pool, _) = new_pool();
        pools::set_limits(&admin(), pool, 4, 3, 2, 1);
        let (pool_cap, provider_cap, exposure_cap, reservation_cap) = pools::limits(pool);
        assert!(pool_cap == 4 && provider_cap == 3 && exposure_cap == 2 && reservation_cap == 1);
        pools::set_terms(&admin(), pool, 2592000, 604800, 5000);
        let (delay, life, share) = pools::terms(pool);
        assert!(delay == 2592000 && life == 604800 && share == 5000);
    }

    #[test]
    #[expected_failure(abort_code = 0x50001, location = capp::liquidity_pool)]
    fun only_the_administrator_sets_limits() {
        let (pool, _) = new_pool();
        pools::set_limits(&guardian(), pool, 4, 3, 2, 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x50001, location = capp::liquidity_pool)]
    fun only_the_administrator_sets_terms() {
        let (pool, _) = new_pool();
        pools::set_terms(&mallory(), pool, 0, 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x1001E, location = capp::liquidity_pool)]
    fun a_delay_of_more_than_30_days_is_refused() {
        let (pool, _) = new_pool();
        pools::set_terms(&admin(), pool, 2592001, 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x1001F, location = capp::liquidity_pool)]
    fun a_reservation_must_live() {
        let (pool, _) = new_pool();
        pools::set_terms(&admin(), pool, 0, 0, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x1001F, location = capp::liquidity_pool)]
    fun a_reservation_of_more_than_7_days_is_refused() {
        let (pool, _) = new_pool();
        pools::set_terms(&admin(), pool, 0, 604801, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x1001D, location = capp::liquidity_pool)]
    fun the_treasury_takes_half_at_most() {
        let (pool, _) = new_pool();
        pools::set_terms(&admin(), pool, 0, 1, 5001);
    }

    // Deposits.

    #[test]
    fun the_first_deposit_locks_a_thousand_shares() {
        let (pool, asset) = funded();
        let (shares, waiting, _, _) = pools::position(pool, @0xB1);
        assert!(shares == 99000 && waiting == 0);
        let (total, _) = pools::shares(pool);
        assert!(total == 100000);
        let (cash, reserved, outstanding) = pools::balances(pool);
        assert!(cash == 100000 && reserved == 0 && outstanding == 0);
        assert!(vault(pool, asset) == 100000);
        let events = event::emitted_events<Deposited>();
        let expected = DepositedShape { pool: object::object_address(&pool), provider: @0xB1, amount: 100000, shares: 99000 };
        assert!(events.length() == 1 && bcs::to_bytes(&events[0]) == bcs::to_bytes(&expected));
    }

    #[test]
    fun a_later_deposit_buys_at_the_price() {
        let (pool, _) = funded();
        assert!(pools::quote_deposit(pool, 50000) == 50000);
        pools::deposit(&bob(), pool, 50000, 50000);
        let (shares, _, _, _) = pools::position(pool, @0xB2);
        assert!(shares == 50000);
    }

    #[test]
    #[expected_failure(abort_code = 0x10008, location = capp::liquidity_pool)]
    fun the_first_deposit_must_exceed_what_is_locked() {
        let (pool, _) = new_pool();
        pools::deposit(&alice(), pool, 1000, 0);
    }

    #[test]
    fun a_first_deposit_of_one_more_than_is_locked_buys_one_share() {
        let (pool, _) = new_pool();
        assert!(pools::quote_deposit(pool, 1001) == 1);
        pools::deposit(&alice(), pool, 1001, 1);
        let (shares, _, _, _) = pools::position(pool, @0xB1);
        assert!(shares == 1);
    }

    #[test]
    fun a_donation_moves_no_price() {
        let (pool, asset) = new_pool();
        pools::deposit(&alice(), pool, 1001, 0);
        primary_fungible_store::transfer(&alice(), asset, object::object_address(&pool), 500000);
        pools::deposit(&bob(), pool, 10000, 10000);
        let (shares, _, _, _) = pools::position(pool, @0xB2);
        assert!(shares == 10000);
        assert!(pools::quote_withdrawal(pool, 10000) == 10000);
        assert!(pools::available(pool) == 11001);
    }

    #[test]
    #[expected_failure(abort_code = 0x10007, location = capp::liquidity_pool)]
    fun a_deposit_of_nothing_is_refused() {
        let (pool, _) = new_pool();
        pools::deposit(&alice(), pool, 0, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10009, location = capp::liquidity_pool)]
    fun fewer_shares_than_asked_for_are_refused() {
        let (pool, _) = funded();
        pools::deposit(&bob(), pool, 50000, 50001);
    }

    #[test]
    #[expected_failure(abort_code = 0x9000B, location = capp::liquidity_pool)]
    fun more_than_the_pool_cap_is_refused() {
        let (pool, _) = new_pool();
        pools::deposit(&alice(), pool, 500000, 0);
        pools::deposit(&bob(), pool, 500001, 0);
    }

    #[test]
    fun the_pool_cap_itself_is_allowed() {
        let (pool, _) = new_pool();
        pools::deposit(&alice(), pool, 500000, 0);
        pools::deposit(&bob(), pool, 500000, 0);
        let (cash, _, _) = pools::balances(pool);
        assert!(cash == 1000000);
    }

    #[test]
    #[expected_failure(abort_code = 0x9000C, location = capp::liquidity_pool)]
    fun more_than_the_provider_cap_is_refused() {
        let (pool, _) = new_pool();
        pools::deposit(&bob(), pool, 10000, 0);
        pools::deposit(&alice(), pool, 600001, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x9000C, location = capp::liquidity_pool)]
    fun pending_shares_count_for_the_provider_cap() {
        let (pool, _) = new_pool();
        pools::deposit(&bob(), pool, 10000, 0);
        pools::deposit(&alice(), pool, 600000, 0);
        pools::request_withdrawal(&alice(), pool, 600000);
        pools::deposit(&alice(), pool, 10, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10004, location = aptos_framework::fungible_asset)]
    fun a_provider_needs_the_money() {
        let (pool, _) = new_pool();
        pools::deposit(&mallory(), pool, 5000, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x9000B, location = capp::liquidity_pool)]
    fun outstanding_counts_for_the_pool_cap() {
        let (pool, _) = new_pool();
        pools::deposit(&alice(), pool, 600000, 0);
        pools::reserve(&settler(), pool, b"a", 200000);
        pools::consume(&settler(), pool, b"a", 200000, @0xC1);
        pools::deposit(&bob(), pool, 400001, 0);
    }

    // Withdrawals.

    #[test]
    fun a_withdrawal_waits_and_pays() {
        let (pool, asset) = pending();
        let (shares, waiting, unlocks_at, _) = pools::position(pool, @0xB1);
        assert!(shares == 59000 && waiting == 40000 && unlocks_at == fixture::start_time() + 86400);
        pass(86400);
        pools::withdraw(&alice(), pool, 40000, 40000);
        assert!(balance(asset, @0xB1) == 940000);
        let (total, pending_total) = pools::shares(pool);
        assert!(total == 60000 && pending_total == 0);
        assert!(event::emitted_events<Withdrawn>().length() == 1);
    }

    #[test]
    fun everything_can_be_withdrawn_but_what_is_locked() {
        let (pool, asset) = funded();
        pools::request_withdrawal(&alice(), pool, 99000);
        pass(86400);
        pools::withdraw(&alice(), pool, 99000, 99000);
        assert!(vault(pool, asset) == 1000);
        let (total, _) = pools::shares(pool);
        assert!(total == 1000);
        pools::deposit(&bob(), pool, 777, 777);
    }

    #[test]
    #[expected_failure(abort_code = 0x30012, location = capp::liquidity_pool)]
    fun before_the_delay_nothing_is_paid() {
        let (pool, _) = pending();
        pass(86399);
        pools::withdraw(&alice(), pool, 40000, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x30012, location = capp::liquidity_pool)]
    fun a_second_request_begins_the_delay_anew() {
        let (pool, _) = pending();
        pass(86399);
        pools::request_withdrawal(&alice(), pool, 1);
        pass(1);
        pools::withdraw(&alice(), pool, 40000, 0);
    }

    #[test]
    fun a_longer_delay_does_not_bind_an_earlier_request() {
        let (pool, _) = pending();
        pools::set_terms(&admin(), pool, 2592000, 3600, 1000);
        pass(86400);
        pools::withdraw(&alice(), pool, 40000, 40000);
    }

    #[test]
    #[expected_failure(abort_code = 0x1000A, location = capp::liquidity_pool)]
    fun less_than_asked_for_is_refused() {
        let (pool, _) = pending();
        pass(86400);
        pools::withdraw(&alice(), pool, 40000, 40001);
    }

    #[test]
    #[expected_failure(abort_code = 0x30011, location = capp::liquidity_pool)]
    fun more_than_is_pending_is_refused() {
        let (pool, _) = pending();
        pass(86400);
        pools::withdraw(&alice(), pool, 40001, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x30011, location = capp::liquidity_pool)]
    fun a_withdrawal_is_paid_once() {
        let (pool, _) = pending();
        pass(86400);
        pools::withdraw(&alice(), pool, 40000, 0);
        pools::withdraw(&alice(), pool, 40000, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x30011, location = capp::liquidity_pool)]
    fun shares_beyond_every_limit_are_refused() {
        let (pool, _) = pending();
        pass(86400);
        pools::withdraw(&alice(), pool, 340282366920938463463374607431768211455, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x30011, location = capp::liquidity_pool)]
    fun without_a_request_nothing_is_paid() {
        let (pool, _) = funded();
        pools::withdraw(&alice(), pool, 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10007, location = capp::liquidity_pool)]
    fun nothing_cannot_be_withdrawn() {
        let (pool, _) = pending();
        pools::withdraw(&alice(), pool, 0, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10007, location = capp::liquidity_pool)]
    fun nothing_cannot_be_requested() {
        let (pool, _) = funded();
        pools::request_withdrawal(&alice(), pool, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10010, location = capp::liquidity_pool)]
    fun more_than_is_held_cannot_be_requested() {
        let (pool, _) = funded();
        pools::request_withdrawal(&alice(), pool, 99001);
    }

    #[test]
    #[expected_failure(abort_code = 0x6000F, location = capp::liquidity_pool)]
    fun strangers_request_nothing() {
        let (pool, _) = funded();
        pools::request_withdrawal(&mallory(), pool, 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x6000F, location = capp::liquidity_pool)]
    fun strangers_withdraw_nothing() {
        let (pool, _) = funded();
        pools::withdraw(&mallory(), pool, 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x6000F, location = capp::liquidity_pool)]
    fun strangers_cancel_nothing() {
        let (pool, _) = funded();
        pools::cancel_withdrawal(&mallory(), pool);
    }

    #[test]
    fun a_request_can_be_cancelled() {
        let (pool, _) = pending();
        pools::cancel_withdrawal(&alice(), pool);
        let (shares, waiting, _, _) = pools::position(pool, @0xB1);
        assert!(shares == 99000 && waiting == 0);
        let (_, pending_total) = pools::shares(pool);
        assert!(pending_total == 0);
        assert!(pools::available(pool) == 100000);
    }

    #[test]
    #[expected_failure(abort_code = 0x30011, location = capp::liquidity_pool)]
    fun there_must_be_a_request_to_cancel() {
        let (pool, _) = funded();
        pools::cancel_withdrawal(&alice(), pool);
    }

    #[test]
    #[expected_failure(abort_code = 0xD0013, location = capp::liquidity_pool)]
    fun what_is_reserved_waits() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 90000);
        pools::request_withdrawal(&alice(), pool, 99000);
        pass(86400);
        pools::withdraw(&alice(), pool, 99000, 0);
    }

    #[test]
    fun part_of_a_withdrawal_can_be_taken_when_cash_is_short() {
        let (pool, asset) = funded();
        pools::reserve(&settler(), pool, b"a", 90000);
        pools::request_withdrawal(&alice(), pool, 99000);
        pass(86400);
        pools::withdraw(&alice(), pool, 10000, 10000);
        assert!(balance(asset, @0xB1) == 910000);
        let (_, waiting, _, _) = pools::position(pool, @0xB1);
        assert!(waiting == 89000);
        pools::release(&alice(), pool, b"a");
        pools::withdraw(&alice(), pool, 89000, 89000);
    }

    #[test]
    #[expected_failure(abort_code = 0x90014, location = capp::liquidity_pool)]
    fun pending_shares_cannot_be_lent() {
        let (pool, _) = pending();
        assert!(pools::available(pool) == 60000);
        pools::reserve(&settler(), pool, b"a", 60001);
    }

    // Reservations.

    #[test]
    fun a_reservation_is_made_and_released() {
        let (pool, asset) = funded();
        pools::reserve(&settler(), pool, b"a", 30000);
        let (cash, reserved, _) = pools::balances(pool);
        assert!(cash == 100000 && reserved == 30000 && pools::available(pool) == 70000);
        let (state, amount, expires_at) = pools::reservation(pool, b"a");
        assert!(state == 1 && amount == 30000 && expires_at == fixture::start_time() + 3600);
        pools::release(&settler(), pool, b"a");
        let (state, _, _) = pools::reservation(pool, b"a");
        assert!(state == 2 && pools::available(pool) == 100000);
        assert!(vault(pool, asset) == 100000);
    }

    #[test]
    fun a_reservation_is_consumed_in_part() {
        let (pool, asset) = funded();
        pools::reserve(&settler(), pool, b"a", 30000);
        pools::consume(&settler(), pool, b"a", 20000, @0xC1);
        let (cash, reserved, outstanding) = pools::balances(pool);
        assert!(cash == 80000 && reserved == 0 && outstanding == 20000);
        assert!(balance(asset, @0xC1) == 20000);
        let (state, amount, _) = pools::reservation(pool, b"a");
        assert!(state == 3 && amount == 20000);
        let at = object::object_address(&pool);
        let consumed = event::emitted_events<Consumed>();
        let shape = ConsumedShape { pool: at, id: b"a", amount: 20000, recipient: @0xC1 };
        assert!(bcs::to_bytes(&consumed[0]) == bcs::to_bytes(&shape));
        let released = event::emitted_events<Released>();
        let rest = ReleasedShape { pool: at, id: b"a", amount: 10000 };
        assert!(released.length() == 1 && bcs::to_bytes(&released[0]) == bcs::to_bytes(&rest));
    }

    #[test]
    fun a_reservation_is_consumed_whole() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 30000);
        pass(3599);
        pools::consume(&settler(), pool, b"a", 30000, @0xC1);
        assert!(event::emitted_events<Released>().is_empty());
        // Lending moves no price.
        assert!(pools::quote_withdrawal(pool, 1000) == 1000);
    }

    #[test]
    fun an_unknown_reservation_reads_as_zeros() {
        let (pool, _) = funded();
        let (state, amount, expires_at) = pools::reservation(pool, b"a");
        assert!(state == 0 && amount == 0 && expires_at == 0);
        let (shares, waiting, unlocks_at, fees) = pools::position(pool, @0xBAD);
        assert!(shares == 0 && waiting == 0 && unlocks_at == 0 && fees == 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x50002, location = capp::liquidity_pool)]
    fun only_settlement_reserves() {
        let (pool, _) = funded();
        pools::reserve(&admin(), pool, b"a", 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x50002, location = capp::liquidity_pool)]
    fun only_settlement_consumes() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 1);
        pools::consume(&mallory(), pool, b"a", 1, @0xBAD);
    }

    #[test]
    #[expected_failure(abort_code = 0x5001A, location = capp::liquidity_pool)]
    fun others_do_not_release_a_live_reservation() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 1);
        pass(3599);
        pools::release(&mallory(), pool, b"a");
    }

    #[test]
    fun anybody_releases_an_expired_reservation() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 1);
        pass(3600);
        pools::release(&mallory(), pool, b"a");
        assert!(pools::available(pool) == 100000);
    }

    #[test]
    #[expected_failure(abort_code = 0x30019, location = capp::liquidity_pool)]
    fun an_expired_reservation_is_not_consumed() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 1);
        pass(3600);
        pools::consume(&settler(), pool, b"a", 1, @0xC1);
    }

    #[test]
    #[expected_failure(abort_code = 0x80016, location = capp::liquidity_pool)]
    fun an_id_is_used_once() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 1);
        pools::release(&settler(), pool, b"a");
        pools::reserve(&settler(), pool, b"a", 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x10015, location = capp::liquidity_pool)]
    fun an_id_of_no_bytes_is_refused() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"", 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x10015, location = capp::liquidity_pool)]
    fun an_id_of_33_bytes_is_refused() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"0123456789abcdef0123456789abcdef0", 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x10007, location = capp::liquidity_pool)]
    fun a_reservation_of_nothing_is_refused() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10007, location = capp::liquidity_pool)]
    fun consuming_nothing_is_refused() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 1);
        pools::consume(&settler(), pool, b"a", 0, @0xC1);
    }

    #[test]
    #[expected_failure(abort_code = 0x90014, location = capp::liquidity_pool)]
    fun more_than_there_is_cannot_be_reserved() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 100000);
        pools::reserve(&settler(), pool, b"b", 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x9000E, location = capp::liquidity_pool)]
    fun more_than_one_reservation_may_be_is_refused() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 200001);
    }

    #[test]
    #[expected_failure(abort_code = 0x9000D, location = capp::liquidity_pool)]
    fun the_largest_amount_is_refused_not_wrapped() {
        let (pool, _) = funded();
        pools::set_limits(&admin(), pool, U64_MAX, U64_MAX, U64_MAX, U64_MAX);
        pools::reserve(&settler(), pool, b"a", 1);
        pools::reserve(&settler(), pool, b"b", U64_MAX);
    }

    #[test]
    #[expected_failure(abort_code = 0x9000D, location = capp::liquidity_pool)]
    fun more_than_the_exposure_cap_is_refused() {
        let (pool, _) = new_pool();
        pools::deposit(&alice(), pool, 600000, 0);
        pools::reserve(&settler(), pool, b"a", 200000);
        pools::reserve(&settler(), pool, b"b", 200000);
        pools::consume(&settler(), pool, b"b", 200000, @0xC1);
        pools::reserve(&settler(), pool, b"c", 100001);
    }

    #[test]
    #[expected_failure(abort_code = 0x60017, location = capp::liquidity_pool)]
    fun what_was_never_reserved_is_not_released() {
        let (pool, _) = funded();
        pools::release(&settler(), pool, b"a");
    }

    #[test]
    #[expected_failure(abort_code = 0x60017, location = capp::liquidity_pool)]
    fun what_was_never_reserved_is_not_consumed() {
        let (pool, _) = funded();
        pools::consume(&settler(), pool, b"a", 1, @0xC1);
    }

    #[test]
    #[expected_failure(abort_code = 0x30018, location = capp::liquidity_pool)]
    fun a_reservation_is_released_once() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 1);
        pools::release(&settler(), pool, b"a");
        pools::release(&settler(), pool, b"a");
    }

    #[test]
    #[expected_failure(abort_code = 0x30018, location = capp::liquidity_pool)]
    fun a_reservation_is_consumed_once() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 2);
        pools::consume(&settler(), pool, b"a", 1, @0xC1);
        pools::consume(&settler(), pool, b"a", 1, @0xC1);
    }

    #[test]
    #[expected_failure(abort_code = 0x30018, location = capp::liquidity_pool)]
    fun what_is_consumed_is_not_released() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 2);
        pools::consume(&settler(), pool, b"a", 1, @0xC1);
        pools::release(&settler(), pool, b"a");
    }

    #[test]
    #[expected_failure(abort_code = 0x30018, location = capp::liquidity_pool)]
    fun what_is_released_is_not_consumed() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 2);
        pools::release(&settler(), pool, b"a");
        pools::consume(&settler(), pool, b"a", 1, @0xC1);
    }

    #[test]
    #[expected_failure(abort_code = 0x1001B, location = capp::liquidity_pool)]
    fun no_more_than_reserved_is_consumed() {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 2);
        pools::consume(&settler(), pool, b"a", 3, @0xC1);
    }

    // Repayment, fees and losses.

    /// 50,000 of the pool are outstanding.
    fun lent(): (Object<Pool>, Object<Metadata>) {
        let (pool, asset) = funded();
        pools::reserve(&settler(), pool, b"a", 50000);
        pools::consume(&settler(), pool, b"a", 50000, @0xC1);
        (pool, asset)
    }

    #[test]
    fun a_repayment_restores_the_cash_and_splits_the_fee() {
        let (pool, asset) = lent();
        pools::repay(&settler(), pool, 50000, 1000);
        let (cash, _, outstanding) = pools::balances(pool);
        assert!(cash == 100000 && outstanding == 0);
        let (providers, treasury_part) = pools::fees(pool);
        assert!(providers == 900 && treasury_part == 100);
        assert!(vault(pool, asset) == 101000);
        let (_, _, _, fees) = pools::position(pool, @0xB1);
        assert!(fees == 900 || fees == 899);
        assert!(event::emitted_events<FeesAccrued>().length() == 1);
    }

    #[test]
    fun a_fee_alone_may_be_paid_by_anybody() {
        let (pool, _) = funded();
        pools::repay(&bob(), pool, 0, 10);
        let (providers, treasury_part) = pools::fees(pool);
        assert!(providers == 9 && treasury_part == 1);
    }

    #[test]
    fun fees_are_shared_in_proportion() {
        let (pool, asset) = funded();
        pools::deposit(&bob(), pool, 33000, 0);
        pools::repay(&settler(), pool, 0, 13334);
        // 12,001 to 99,000 and 33,000 shares.
        pools::claim_fees(&alice(), pool);
        pools::claim_fees(&bob(), pool);
        assert!(balance(asset, @0xB1) == 900000 + 9000);
        assert!(balance(asset, @0xB2) == 967000 + 3000);
        let (providers, _) = pools::fees(pool);
        assert!(providers == 1);
    }

    #[test]
    fun who_comes_later_gets_no_earlier_fee() {
        let (pool, _) = funded();
        pools::repay(&settler(), pool, 0, 10000);
        pools::deposit(&bob(), pool, 100000, 0);
        let (_, _, _, fees) = pools::position(pool, @0xB2);
        assert!(fees == 0);
    }

    #[test]
    fun pending_shares_earn_nothing_but_keep_what_they_earned() {
        let (pool, _) = funded();
        pools::deposit(&bob(), pool, 99000, 0);
        pools::repay(&settler(), pool, 0, 2000);
        pools::request_withdrawal(&bob(), pool, 99000);
        pools::repay(&settler(), pool, 0, 1000);
        let (_, _, _, of_bob) = pools::position(pool, @0xB2);
        let (_, _, _, of_alice) = pools::position(pool, @0xB1);
        // Shares are rounded down, by a unit at most.
        assert!(of_bob <= 900 && of_bob >= 899 && of_alice <= 1800 && of_alice >= 1799);
    }

    #[test]
    fun what_a_division_leaves_over_is_carried_on() {
        let (pool, _) = funded();
        pools::set_terms(&admin(), pool, 0, 1, 0);
        // 99,000 shares: 99 fees of 1 and no less than 98 of them shared out.
        for (i in 0..99) pools::repay(&settler(), pool, 0, 1);
        let (_, _, _, fees) = pools::position(pool, @0xB1);
        assert!(fees == 99 || fees == 98);
    }

    #[test]
    fun without_live_shares_the_treasury_gets_the_fee() {
        let (pool, asset) = new_pool();
        pools::repay(&settler(), pool, 0, 10);
        let (providers, treasury_part) = pools::fees(pool);
        assert!(providers == 0 && treasury_part == 10);
        pools::deposit(&alice(), pool, 100000, 0);
        pools::request_withdrawal(&alice(), pool, 99000);
        pools::repay(&settler(), pool, 0, 5);
        pools::pay_treasury(pool);
        assert!(balance(asset, treasury()) == 15);
    }

    #[test]
    #[expected_failure(abort_code = 0x30020, location = capp::liquidity_pool)]
    fun a_fee_is_claimed_once() {
        let (pool, _) = funded();
        pools::repay(&settler(), pool, 0, 1000);
        pools::claim_fees(&alice(), pool);
        pools::claim_fees(&alice(), pool);
    }

    #[test]
    #[expected_failure(abort_code = 0x6000F, location = capp::liquidity_pool)]
    fun strangers_claim_nothing() {
        let (pool, _) = funded();
        pools::claim_fees(&mallory(), pool);
    }

    #[test]
    #[expected_failure(abort_code = 0x30020, location = capp::liquidity_pool)]
    fun an_empty_treasury_pays_nothing() {
        let (pool, _) = funded();
        pools::pay_treasury(pool);
    }

    #[test]
    #[expected_failure(abort_code = 0x1001C, location = capp::liquidity_pool)]
    fun no_more_than_is_outstanding_is_repaid() {
        let (pool, _) = lent();
        pools::repay(&settler(), pool, 50001, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10007, location = capp::liquidity_pool)]
    fun repaying_nothing_is_refused() {
        let (pool, _) = lent();
        pools::repay(&settler(), pool, 0, 0);
    }

    #[test]
    #[expected_failure(arithmetic_error, location = capp::liquidity_pool)]
    fun the_sum_of_a_repayment_does_not_wrap() {
        let (pool, _) = lent();
        pools::repay(&settler(), pool, 1, U64_MAX);
    }

    #[test]
    #[expected_failure(abort_code = 0x10004, location = aptos_framework::fungible_asset)]
    fun nobody_repays_what_they_do_not_have() {
        let (pool, _) = lent();
        pools::repay(&mallory(), pool, 1, 0);
    }

    #[test]
    fun a_loss_is_borne_by_all_shares() {
        let (pool, _) = lent();
        pools::write_off(&admin(), pool, 20000);
        let (cash, _, outstanding) = pools::balances(pool);
        assert!(cash == 50000 && outstanding == 30000);
        assert!(pools::quote_withdrawal(pool, 10000) == 8000);
        assert!(pools::quote_deposit(pool, 8000) == 10000);
    }

    #[test]
    #[expected_failure(abort_code = 0x50001, location = capp::liquidity_pool)]
    fun only_the_administrator_writes_off() {
        let (pool, _) = lent();
        pools::write_off(&settler(), pool, 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x1001C, location = capp::liquidity_pool)]
    fun no_more_than_is_outstanding_is_written_off() {
        let (pool, _) = lent();
        pools::write_off(&admin(), pool, 50001);
    }

    #[test]
    #[expected_failure(abort_code = 0x10007, location = capp::liquidity_pool)]
    fun writing_off_nothing_is_refused() {
        let (pool, _) = lent();
        pools::write_off(&admin(), pool, 0);
    }

    /// Everything was lent and written off.
    fun worthless(): Object<Pool> {
        let (pool, _) = funded();
        pools::reserve(&settler(), pool, b"a", 100000);
        pools::consume(&settler(), pool, b"a", 100000, @0xC1);
        pools::write_off(&admin(), pool, 100000);
        pool
    }

    #[test]
    #[expected_failure(abort_code = 0x30021, location = capp::liquidity_pool)]
    fun a_worthless_pool_takes_no_deposit() {
        pools::deposit(&bob(), worthless(), 5000, 0);
    }

    #[test]
    fun shares_of_a_worthless_pool_can_still_be_burnt() {
        let pool = worthless();
        assert!(pools::quote_withdrawal(pool, 99000) == 0);
        pools::request_withdrawal(&alice(), pool, 99000);
        pass(86400);
        pools::withdraw(&alice(), pool, 99000, 0);
        let (shares, waiting, _, _) = pools::position(pool, @0xB1);
        assert!(shares == 0 && waiting == 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10022, location = capp::liquidity_pool)]
    fun a_foreign_asset_repays_nothing() {
        let (pool, _) = lent();
        let other = fixture::new_asset(b"UGX");
        fixture::mint(other, @0xB1, 5);
        pools::repay_asset(pool, primary_fungible_store::withdraw(&alice(), other, 5));
    }

    #[test]
    fun an_asset_beyond_what_is_outstanding_is_a_fee() {
        let (pool, asset) = lent();
        pools::repay_asset(pool, primary_fungible_store::withdraw(&settler(), asset, 50010));
        let (_, _, outstanding) = pools::balances(pool);
        let (providers, treasury_part) = pools::fees(pool);
        assert!(outstanding == 0 && providers == 9 && treasury_part == 1);
    }

    // Pause.

    fun paused(): (Object<Pool>, Object<Metadata>) {
        let (pool, asset) = lent();
        pools::reserve(&settler(), pool, b"b", 10000);
        pools::request_withdrawal(&alice(), pool, 30000);
        pools::repay(&settler(), pool, 0, 1000);
        pools::pause(&guardian(), pool);
        (pool, asset)
    }

    #[test]
    #[expected_failure(abort_code = 0x30004, location = capp::liquidity_pool)]
    fun a_paused_pool_takes_no_deposit() {
        let (pool, _) = paused();
        pools::deposit(&bob(), pool, 10, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x30004, location = capp::liquidity_pool)]
    fun a_paused_pool_reserves_nothing() {
        let (pool, _) = paused();
        pools::reserve(&settler(), pool, b"c", 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x30004, location = capp::liquidity_pool)]
    fun a_paused_pool_pays_settlement_nothing() {
        let (pool, _) = paused();
        pools::consume(&settler(), pool, b"b", 1, @0xC1);
    }

    #[test]
    fun a_pause_traps_nobody() {
        let (pool, asset) = paused();
        assert!(pools::is_paused(pool));
        pools::claim_fees(&alice(), pool);
        pools::pay_treasury(pool);
        pools::release(&settler(), pool, b"b");
        pools::repay(&settler(), pool, 50000, 0);
        pools::cancel_withdrawal(&alice(), pool);
        pools::request_withdrawal(&alice(), pool, 99000);
        pass(86400);
        pools::withdraw(&alice(), pool, 99000, 99000);
        assert!(vault(pool, asset) == 1000 || vault(pool, asset) == 1001);
    }

    #[test]
    fun the_administrator_pauses_and_resumes() {
        let (pool, _) = funded();
        pools::pause(&admin(), pool);
        pools::resume(&admin(), pool);
        assert!(!pools::is_paused(pool));
        pools::deposit(&bob(), pool, 10, 10);
    }

    #[test]
    #[expected_failure(abort_code = 0x50003, location = capp::liquidity_pool)]
    fun strangers_do_not_pause() {
        let (pool, _) = funded();
        pools::pause(&settler(), pool);
    }

    #[test]
    #[expected_failure(abort_code = 0x50001, location = capp::liquidity_pool)]
    fun the_guardian_does_not_resume() {
        let (pool, _) = paused();
        pools::resume(&guardian(), pool);
    }

    #[test]
    #[expected_failure(abort_code = 0x30004, location = capp::liquidity_pool)]
    fun a_paused_pool_is_not_paused_again() {
        let (pool, _) = paused();
        pools::pause(&guardian(), pool);
    }

    #[test]
    #[expected_failure(abort_code = 0x30005, location = capp::liquidity_pool)]
    fun a_running_pool_is_not_resumed() {
        let (pool, _) = funded();
        pools::resume(&admin(), pool);
    }

    // The largest amounts.

    #[test]
    fun the_largest_amounts_neither_wrap_nor_abort() {
        fixture::publish();
        let asset = fixture::new_asset(b"XOF");
        pools::create_pool(&admin(), asset, U64_MAX, U64_MAX, U64_MAX, U64_MAX, 0, 604800, 1000);
        let pool = object::address_to_object<Pool>(pools::pool_address(asset));
        fixture::mint(asset, @0xB1, U64_MAX - 2000);
        fixture::mint(asset, @0xB2, 2000);
        pools::deposit(&alice(), pool, U64_MAX - 2000, 0);
        pools::deposit(&bob(), pool, 1000, 1000);
        pools::reserve(&settler(), pool, b"a", U64_MAX - 1000);
        pools::consume(&settler(), pool, b"a", U64_MAX - 1000, @0xA1);
        pools::repay(&settler(), pool, U64_MAX - 1000, 0);
        pools::repay(&bob(), pool, 0, 1000);
        let (_, _, _, fees) = pools::position(pool, @0xB1);
        assert!(fees == 899);
        pools::request_withdrawal(&alice(), pool, (U64_MAX as u128) - 3000);
        pools::withdraw(&alice(), pool, (U64_MAX as u128) - 3000, U64_MAX - 3000);
    }

    /// One unit stood behind 10^10 shares when Bob bought 10^20 of them, more than fits in 64 bits.
    fun cheap(): Object<Pool> {
        fixture::publish();
        let asset = fixture::new_asset(b"XOF");
        pools::create_pool(&admin(), asset, U64_MAX, U64_MAX, U64_MAX, U64_MAX, 0, 604800, 0);
        let pool = object::address_to_object<Pool>(pools::pool_address(asset));
        fixture::mint(asset, @0xB1, 10000000000);
        fixture::mint(asset, @0xB2, 10000000000);
        fixture::mint(asset, @0xA1, 1000);
        pools::deposit(&alice(), pool, 10000000000, 0);
        pools::reserve(&settler(), pool, b"a", 9999999999);
        pools::consume(&settler(), pool, b"a", 9999999999, @0xC1);
        pools::write_off(&admin(), pool, 9999999999);
        pools::deposit(&bob(), pool, 10000000000, 100000000000000000000);
        pool
    }

    #[test]
    fun shares_are_cheap_without_harm() {
        let pool = cheap();
        assert!(pools::quote_withdrawal(pool, 100000000000000000000) == 10000000000);
    }

    #[test]
    fun fees_too_small_for_one_share_add_up() {
        let pool = cheap();
        // A unit is less than 2^-64 for each share: alone it would be lost in the division.
        for (i in 0..12) pools::repay(&settler(), pool, 0, 1);
        let (_, _, _, fees) = pools::position(pool, @0xB2);
        assert!(fees >= 10 && fees <= 12);
    }
}
