#[test_only]
module capp::settlement_tests {
    use std::bcs;
    use std::hash;
    use aptos_framework::event;
    use aptos_framework::fungible_asset::Metadata;
    use aptos_framework::object::{Self, Object};
    use aptos_framework::primary_fungible_store;
    use aptos_framework::timestamp;
    use capp::fixture::{Self, admin, alice, balance, guardian, mallory, pass, settler, signer_of, start_time};
    use capp::liquidity_pool::{Self as pools, Pool};
    use capp::merkle;
    use capp::settlement::{
        Self as batches,
        ApprovalWithdrawn,
        ArbiterVoted,
        Batch,
        BatchApproved,
        BatchEnded,
        BatchExecuted,
        BatchFunded,
        BatchProposed,
        DisputeOpened,
        DisputeResolved,
        PayoutPaid,
        Returned
    };

    const ID: vector<u8> = x"0190a0b0000070008000000000000001";
    const U64_MAX: u64 = 18446744073709551615;

    const PROPOSED: u8 = 1;
    const EXECUTED: u8 = 2;
    const DISPUTED: u8 = 3;
    const RESOLVED: u8 = 4;
    const SETTLED: u8 = 5;
    const EXPIRED: u8 = 6;
    const CANCELLED: u8 = 7;

    /// The layout of what a proposal binds, as clients encode it.
    struct TermsShape has copy, drop {
        batch_id: vector<u8>,
        asset: address,
        proposer: address,
        payer: address,
        recipients: vector<address>,
        amounts: vector<u64>,
        merkle_root: vector<u8>,
        item_count: u64,
        approvals_needed: u64,
        deadline: u64,
        dispute_window_secs: u64
    }

    struct BindingShape has drop {
        domain: vector<u8>,
        contract: address,
        terms: TermsShape
    }

    struct ExecutedShape has drop {
        batch: address,
        batch_id: vector<u8>,
        merkle_root: vector<u8>,
        total: u64,
        window_ends_at: u64
    }

    struct EndedShape has drop {
        batch: address,
        batch_id: vector<u8>,
        state: u8
    }

    fun approver(number: u64): signer {
        signer_of(vector[@0xD0, @0xD1, @0xD2][number])
    }

    fun arbiter(number: u64): signer {
        signer_of(vector[@0xE0, @0xE1, @0xE2][number])
    }

    fun root(): vector<u8> {
        fixture::hash_of(b"root")
    }

    fun evidence(): vector<u8> {
        fixture::hash_of(b"evidence")
    }

    /// Two of three approvers, two of three arbiters, batches of up to a million.
    fun ready(): Object<Metadata> {
        fixture::publish();
        let asset = fixture::new_asset(b"KES");
        let admin = admin();
        batches::set_approvers(&admin, vector[@0xD0, @0xD1, @0xD2], 2);
        batches::set_arbiters(&admin, vector[@0xE0, @0xE1, @0xE2], 2);
        batches::set_batch_cap(&admin, asset, 1000000);
        fixture::mint(asset, @0xB1, 2000000);
        asset
    }

    fun propose_for(asset: Object<Metadata>, id: vector<u8>, payer: address, window: u64): Object<Batch> {
        batches::propose(
            &settler(),
            id,
            asset,
            payer,
            vector[@0xC1, @0xC2, @0xC3],
            vector[1000, 2000, 3000],
            root(),
            7,
            2,
            start_time() + 3600,
            window
        );
        object::address_to_object<Batch>(batches::batch_address(id))
    }

    /// A proposal of 6,000 to three recipients, an hour to approve, an hour to dispute.
    public fun proposed(): (Object<Batch>, Object<Metadata>) {
        let asset = ready();
        (propose_for(asset, ID, @0xB1, 3600), asset)
    }

    fun approve_twice(batch: Object<Batch>) {
        batches::approve(&approver(0), batch, batches::digest(batch));
        batches::approve(&approver(1), batch, batches::digest(batch));
    }

    fun approved(): (Object<Batch>, Object<Metadata>) {
        let (batch, asset) = proposed();
        batches::fund(&alice(), batch);
        approve_twice(batch);
        (batch, asset)
    }

    fun executed(): (Object<Batch>, Object<Metadata>) {
        let (batch, asset) = approved();
        batches::execute(&settler(), batch);
        (batch, asset)
    }

    fun disputed(): (Object<Batch>, Object<Metadata>) {
        let (batch, asset) = executed();
        batches::open_dispute(&alice(), batch, evidence());
        (batch, asset)
    }

    /// Arbiters took 1,000 of the first (all of it) and 500 of the second.
    fun resolved(): (Object<Batch>, Object<Metadata>) {
        let (batch, asset) = disputed();
        batches::vote(&arbiter(0), batch, vector[1000, 500, 0]);
        batches::vote(&arbiter(1), batch, vector[1000, 500, 0]);
        (batch, asset)
    }

    fun settled(): (Object<Batch>, Object<Metadata>) {
        let (batch, asset) = executed();
        pass(3600);
        batches::pay_all(batch);
        (batch, asset)
    }

    fun expired(): (Object<Batch>, Object<Metadata>) {
        let (batch, asset) = approved();
        pass(3600);
        batches::refund_expired(batch);
        (batch, asset)
    }

    fun cancelled(): (Object<Batch>, Object<Metadata>) {
        let (batch, asset) = approved();
        batches::cancel(&settler(), batch);
        (batch, asset)
    }

    fun held(batch: Object<Batch>, asset: Object<Metadata>): u64 {
        balance(asset, object::object_address(&batch))
    }

    // Rules.

    #[test]
    fun the_rules_can_be_read() {
        let asset = ready();
        let (approvers, min) = batches::approvers();
        assert!(approvers == vector[@0xD0, @0xD1, @0xD2] && min == 2);
        let (arbiters, needed) = batches::arbiters();
        assert!(arbiters == vector[@0xE0, @0xE1, @0xE2] && needed == 2);
        assert!(batches::batch_cap(asset) == 1000000);
        assert!(!batches::is_paused());
        batches::set_dispute_rules(&admin(), 60, 7776000);
        let (window, limit) = batches::dispute_rules();
        assert!(window == 60 && limit == 7776000);
    }

    #[test]
    #[expected_failure(abort_code = 0x50001, location = capp::settlement)]
    fun only_the_administrator_sets_approvers() {
        ready();
        batches::set_approvers(&settler(), vector[@0xA1], 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x50001, location = capp::settlement)]
    fun only_the_administrator_sets_arbiters() {
        ready();
        batches::set_arbiters(&guardian(), vector[@0xA1], 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x50001, location = capp::settlement)]
    fun only_the_administrator_sets_dispute_rules() {
        ready();
        batches::set_dispute_rules(&mallory(), 0, 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x50001, location = capp::settlement)]
    fun only_the_administrator_sets_caps() {
        let asset = ready();
        batches::set_batch_cap(&settler(), asset, 5);
    }

    #[test]
    #[expected_failure(abort_code = 0x1000A, location = capp::settlement)]
    fun a_signer_stands_once_in_a_set() {
        ready();
        batches::set_approvers(&admin(), vector[@0xD0, @0xD1, @0xD0], 2);
    }

    #[test]
    #[expected_failure(abort_code = 0x1000B, location = capp::settlement)]
    fun no_signer_needed_is_refused() {
        ready();
        batches::set_arbiters(&admin(), vector[@0xD0], 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x1000B, location = capp::settlement)]
    fun more_signers_needed_than_there_are_is_refused() {
        ready();
        batches::set_approvers(&admin(), vector[@0xD0], 2);
    }

    fun many(count: u64): vector<address> {
        let result = vector[];
        for (i in 0..count) {
            result.push_back(object::create_object_address(&@0x1, bcs::to_bytes(&i)));
        };
        result
    }

    #[test]
    #[expected_failure(abort_code = 0x1000C, location = capp::settlement)]
    fun more_than_32_signers_are_refused() {
        ready();
        batches::set_approvers(&admin(), many(33), 1);
    }

    #[test]
    fun thirty_two_signers_are_allowed() {
        ready();
        batches::set_approvers(&admin(), many(32), 32);
    }

    #[test]
    #[expected_failure(abort_code = 0x1000D, location = capp::settlement)]
    fun a_dispute_window_of_more_than_30_days_is_no_rule() {
        ready();
        batches::set_dispute_rules(&admin(), 2592001, 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x1000D, location = capp::settlement)]
    fun a_dispute_must_have_time() {
        ready();
        batches::set_dispute_rules(&admin(), 0, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x1000D, location = capp::settlement)]
    fun a_dispute_must_lapse_within_90_days() {
        ready();
        batches::set_dispute_rules(&admin(), 0, 7776001);
    }

    // Proposal.

    #[test]
    fun a_proposal_binds_everything() {
        let (batch, asset) = proposed();
        assert!(batches::batch_exists(ID));
        assert!(batches::state(batch) == PROPOSED);
        let terms = TermsShape {
            batch_id: ID,
            asset: object::object_address(&asset),
            proposer: @0xA1,
            payer: @0xB1,
            recipients: vector[@0xC1, @0xC2, @0xC3],
            amounts: vector[1000, 2000, 3000],
            merkle_root: root(),
            item_count: 7,
            approvals_needed: 2,
            deadline: start_time() + 3600,
            dispute_window_secs: 3600
        };
        assert!(bcs::to_bytes(&batches::terms(batch)) == bcs::to_bytes(&terms));
        let binding = BindingShape { domain: b"capp.settlement.v1", contract: @capp, terms };
        assert!(batches::digest(batch) == hash::sha2_256(bcs::to_bytes(&binding)));
        let (merkle_root, count) = batches::root_and_count(batch);
        assert!(merkle_root == root() && count == 7);
        let (total, is_funded) = batches::funding(batch);
        assert!(total == 6000 && !is_funded);
        assert!(event::emitted_events<BatchProposed>().length() == 1);
        let (opener, hash, resolve_by, votes) = batches::dispute(batch);
        assert!(opener == @0x0 && hash.is_empty() && resolve_by == 0 && votes == 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x50002, location = capp::settlement)]
    fun only_settlement_proposes() {
        let asset = ready();
        batches::propose(&admin(), ID, asset, @0xB1, vector[@0xC1], vector[1], root(), 1, 2, start_time() + 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x80011, location = capp::settlement)]
    fun a_batch_is_proposed_once() {
        let (_, asset) = proposed();
        propose_for(asset, ID, @0xB1, 3600);
    }

    #[test]
    #[expected_failure(abort_code = 0x80011, location = capp::settlement)]
    fun a_cancelled_batch_is_not_proposed_again() {
        let (_, asset) = cancelled();
        propose_for(asset, ID, @0xB1, 3600);
    }

    fun propose_with(
        recipients: vector<address>, amounts: vector<u64>, root: vector<u8>, count: u64, needed: u64, deadline: u64, window: u64
    ) {
        let asset = ready();
        batches::propose(&settler(), ID, asset, @0xB1, recipients, amounts, root, count, needed, deadline, window);
    }

    #[test]
    #[expected_failure(abort_code = 0x10010, location = capp::settlement)]
    fun a_batch_id_has_16_bytes() {
        let asset = ready();
        batches::propose(&settler(), b"short", asset, @0xB1, vector[@0xC1], vector[1], root(), 1, 2, start_time() + 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10012, location = capp::settlement)]
    fun a_root_has_32_bytes() {
        propose_with(vector[@0xC1], vector[1], b"root", 1, 2, start_time() + 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10013, location = capp::settlement)]
    fun a_batch_has_items() {
        propose_with(vector[@0xC1], vector[1], root(), 0, 2, start_time() + 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10014, location = capp::settlement)]
    fun a_batch_has_recipients() {
        propose_with(vector[], vector[], root(), 1, 2, start_time() + 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10014, location = capp::settlement)]
    fun a_batch_of_more_than_64_recipients_is_refused() {
        propose_with(many(65), vector[], root(), 1, 2, start_time() + 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10015, location = capp::settlement)]
    fun every_recipient_has_an_amount() {
        propose_with(vector[@0xC1, @0xC2], vector[1], root(), 1, 2, start_time() + 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10016, location = capp::settlement)]
    fun every_amount_is_above_zero() {
        propose_with(vector[@0xC1, @0xC2], vector[1, 0], root(), 1, 2, start_time() + 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10017, location = capp::settlement)]
    fun a_recipient_stands_once() {
        propose_with(vector[@0xC1, @0xC1], vector[1, 1], root(), 1, 2, start_time() + 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10017, location = capp::settlement)]
    fun the_payer_is_no_recipient() {
        propose_with(vector[@0xC1, @0xB1], vector[1, 1], root(), 1, 2, start_time() + 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10018, location = capp::settlement)]
    fun fewer_approvals_than_the_rules_ask_are_refused() {
        propose_with(vector[@0xC1], vector[1], root(), 1, 1, start_time() + 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10018, location = capp::settlement)]
    fun more_approvals_than_approvers_are_refused() {
        propose_with(vector[@0xC1], vector[1], root(), 1, 4, start_time() + 1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10019, location = capp::settlement)]
    fun a_deadline_must_lie_ahead() {
        propose_with(vector[@0xC1], vector[1], root(), 1, 2, start_time(), 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10019, location = capp::settlement)]
    fun a_deadline_lies_30_days_ahead_at_most() {
        propose_with(vector[@0xC1], vector[1], root(), 1, 2, start_time() + 2592001, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x1001A, location = capp::settlement)]
    fun a_window_of_more_than_30_days_is_refused() {
        propose_with(vector[@0xC1], vector[1], root(), 1, 2, start_time() + 1, 2592001);
    }

    #[test]
    #[expected_failure(abort_code = 0x1001A, location = capp::settlement)]
    fun a_window_shorter_than_the_rules_ask_is_refused() {
        let asset = ready();
        batches::set_dispute_rules(&admin(), 60, 60);
        batches::propose(&settler(), ID, asset, @0xB1, vector[@0xC1], vector[1], root(), 1, 2, start_time() + 1, 59);
    }

    #[test]
    #[expected_failure(abort_code = 0x5000E, location = capp::settlement)]
    fun an_asset_must_be_allowed() {
        ready();
        propose_for(fixture::new_asset(b"UGX"), ID, @0xB1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x5000E, location = capp::settlement)]
    fun an_asset_can_be_forbidden_again() {
        let asset = ready();
        batches::set_batch_cap(&admin(), asset, 0);
        propose_for(asset, ID, @0xB1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x9000F, location = capp::settlement)]
    fun a_total_above_the_cap_is_refused() {
        propose_with(vector[@0xC1, @0xC2], vector[1000000, 1], root(), 1, 2, start_time() + 1, 0);
    }

    #[test]
    fun the_cap_itself_is_allowed() {
        propose_with(vector[@0xC1, @0xC2], vector[999999, 1], root(), 1, 3, start_time() + 2592000, 2592000);
    }

    #[test]
    #[expected_failure(abort_code = 0x9000F, location = capp::settlement)]
    fun a_total_beyond_64_bits_is_refused_not_wrapped() {
        let asset = ready();
        batches::set_batch_cap(&admin(), asset, U64_MAX);
        batches::propose(
            &settler(), ID, asset, @0xB1, vector[@0xC1, @0xC2], vector[U64_MAX, U64_MAX], root(), 1, 2, start_time() + 1, 0
        );
    }

    // Funding.

    #[test]
    fun the_payer_funds_the_whole() {
        let (batch, asset) = proposed();
        batches::fund(&alice(), batch);
        let (_, is_funded) = batches::funding(batch);
        assert!(is_funded && held(batch, asset) == 6000 && balance(asset, @0xB1) == 1994000);
        assert!(event::emitted_events<BatchFunded>().length() == 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x50006, location = capp::settlement)]
    fun only_the_payer_funds() {
        let (batch, asset) = proposed();
        fixture::mint(asset, @0xBAD, 6000);
        batches::fund(&mallory(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x8001E, location = capp::settlement)]
    fun a_batch_is_funded_once() {
        let (batch, _) = proposed();
        batches::fund(&alice(), batch);
        batches::fund(&alice(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x10004, location = aptos_framework::fungible_asset)]
    fun the_payer_needs_the_money() {
        let (batch, asset) = proposed();
        primary_fungible_store::transfer(&alice(), asset, @0xC9, 1994001);
        batches::fund(&alice(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001C, location = capp::settlement)]
    fun an_expired_proposal_takes_no_funds() {
        let (batch, _) = proposed();
        pass(3600);
        batches::fund(&alice(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::settlement)]
    fun a_cancelled_batch_takes_no_funds() {
        let (batch, _) = cancelled();
        batches::fund(&alice(), batch);
    }

    /// A batch that a pool with 100,000 in it shall pay, with a reservation of the total.
    public fun from_pool(): (Object<Batch>, Object<Pool>, Object<Metadata>) {
        let asset = ready();
        pools::create_pool(&admin(), asset, 1000000, 1000000, 1000000, 1000000, 0, 604800, 1000);
        let pool = object::address_to_object<Pool>(pools::pool_address(asset));
        pools::deposit(&alice(), pool, 100000, 0);
        pools::reserve(&settler(), pool, ID, 6000);
        (propose_for(asset, ID, object::object_address(&pool), 3600), pool, asset)
    }

    #[test]
    fun a_pool_funds_a_batch() {
        let (batch, pool, asset) = from_pool();
        batches::fund_from_pool(&settler(), batch, pool, ID);
        assert!(held(batch, asset) == 6000);
        let (cash, reserved, outstanding) = pools::balances(pool);
        assert!(cash == 94000 && reserved == 0 && outstanding == 6000);
    }

    #[test]
    fun what_a_pool_funded_goes_back_into_its_books() {
        let (batch, pool, asset) = from_pool();
        batches::fund_from_pool(&settler(), batch, pool, ID);
        batches::cancel(&admin(), batch);
        let (cash, _, outstanding) = pools::balances(pool);
        assert!(cash == 100000 && outstanding == 0 && held(batch, asset) == 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x50002, location = capp::settlement)]
    fun only_settlement_funds_from_a_pool() {
        let (batch, pool, _) = from_pool();
        batches::fund_from_pool(&mallory(), batch, pool, ID);
    }

    #[test]
    #[expected_failure(abort_code = 0x10020, location = capp::settlement)]
    fun a_pool_funds_only_what_names_it() {
        let (_, pool, asset) = from_pool();
        let other = propose_for(asset, x"0190a0b0000070008000000000000002", @0xB1, 0);
        batches::fund_from_pool(&settler(), other, pool, ID);
    }

    #[test]
    #[expected_failure(abort_code = 0x10020, location = capp::settlement)]
    fun a_pool_funds_only_its_own_asset() {
        let (_, pool, _) = from_pool();
        let ugx = fixture::new_asset(b"UGX");
        batches::set_batch_cap(&admin(), ugx, 1000000);
        let other = propose_for(ugx, x"0190a0b0000070008000000000000002", object::object_address(&pool), 0);
        batches::fund_from_pool(&settler(), other, pool, ID);
    }

    #[test]
    #[expected_failure(abort_code = 0x8001E, location = capp::settlement)]
    fun a_pool_funds_once() {
        let (batch, pool, _) = from_pool();
        batches::fund_from_pool(&settler(), batch, pool, ID);
        batches::fund_from_pool(&settler(), batch, pool, ID);
    }

    // Approval.

    #[test]
    fun approvals_are_counted() {
        let (batch, _) = proposed();
        batches::approve(&approver(2), batch, batches::digest(batch));
        assert!(batches::approvals(batch) == vector[@0xD2]);
        assert!(event::emitted_events<BatchApproved>().length() == 1);
        assert!(!batches::is_executable(batch));
        batches::approve(&approver(0), batch, batches::digest(batch));
        assert!(!batches::is_executable(batch));
        batches::fund(&alice(), batch);
        assert!(batches::is_executable(batch));
        pass(3600);
        assert!(!batches::is_executable(batch));
    }

    #[test]
    #[expected_failure(abort_code = 0x50004, location = capp::settlement)]
    fun only_approvers_approve() {
        let (batch, _) = proposed();
        batches::approve(&mallory(), batch, batches::digest(batch));
    }

    #[test]
    #[expected_failure(abort_code = 0x80023, location = capp::settlement)]
    fun a_signer_counts_once() {
        let (batch, _) = proposed();
        batches::approve(&approver(0), batch, batches::digest(batch));
        batches::approve(&approver(0), batch, batches::digest(batch));
    }

    #[test]
    #[expected_failure(abort_code = 0x10021, location = capp::settlement)]
    fun an_approval_for_other_content_is_refused() {
        let (batch, _) = proposed();
        batches::approve(&approver(0), batch, fixture::hash_of(b"other"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10021, location = capp::settlement)]
    fun an_approval_of_another_batch_cannot_be_replayed() {
        let (batch, asset) = proposed();
        let other = propose_for(asset, x"0190a0b0000070008000000000000002", @0xB1, 3600);
        batches::approve(&approver(0), other, batches::digest(batch));
    }

    #[test]
    #[expected_failure(abort_code = 0x3001C, location = capp::settlement)]
    fun an_approval_comes_before_the_deadline() {
        let (batch, _) = proposed();
        pass(3600);
        batches::approve(&approver(0), batch, batches::digest(batch));
    }

    #[test]
    fun an_approval_in_the_last_second_counts() {
        let (batch, _) = proposed();
        pass(3599);
        batches::approve(&approver(0), batch, batches::digest(batch));
        assert!(batches::approvals(batch).length() == 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x50022, location = capp::settlement)]
    fun who_proposes_does_not_approve() {
        let (batch, _) = proposed();
        batches::set_approvers(&admin(), vector[@0xA1, @0xD0], 1);
        batches::approve(&settler(), batch, batches::digest(batch));
    }

    #[test]
    #[expected_failure(abort_code = 0x50022, location = capp::settlement)]
    fun who_is_paid_does_not_approve() {
        let (batch, _) = proposed();
        batches::set_approvers(&admin(), vector[@0xC2, @0xD0], 1);
        batches::approve(&signer_of(@0xC2), batch, batches::digest(batch));
    }

    #[test]
    fun an_approval_can_be_taken_back() {
        let (batch, _) = approved();
        batches::withdraw_approval(&approver(0), batch);
        assert!(batches::approvals(batch) == vector[@0xD1]);
        assert!(!batches::is_executable(batch));
        assert!(event::emitted_events<ApprovalWithdrawn>().length() == 1);
        batches::approve(&approver(0), batch, batches::digest(batch));
        assert!(batches::is_executable(batch));
    }

    #[test]
    #[expected_failure(abort_code = 0x60024, location = capp::settlement)]
    fun only_what_was_given_is_taken_back() {
        let (batch, _) = approved();
        batches::withdraw_approval(&approver(2), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::settlement)]
    fun after_execution_no_approval_is_taken_back() {
        let (batch, _) = executed();
        batches::withdraw_approval(&approver(0), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::settlement)]
    fun after_execution_no_approval_is_given() {
        let (batch, _) = executed();
        batches::approve(&approver(2), batch, batches::digest(batch));
    }

    // Execution.

    #[test]
    fun an_approved_and_funded_batch_is_executed() {
        let (batch, asset) = executed();
        assert!(batches::state(batch) == EXECUTED);
        let (at, window_ends_at) = batches::execution(batch);
        assert!(at == start_time() && window_ends_at == start_time() + 3600);
        assert!(held(batch, asset) == 6000 && !batches::is_payable(batch));
        let events = event::emitted_events<BatchExecuted>();
        let shape = ExecutedShape {
            batch: object::object_address(&batch),
            batch_id: ID,
            merkle_root: root(),
            total: 6000,
            window_ends_at
        };
        assert!(events.length() == 1 && bcs::to_bytes(&events[0]) == bcs::to_bytes(&shape));
    }

    #[test]
    #[expected_failure(abort_code = 0x50002, location = capp::settlement)]
    fun only_settlement_executes() {
        let (batch, _) = approved();
        batches::execute(&admin(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x50025, location = capp::settlement)]
    fun too_few_approvals_execute_nothing() {
        let (batch, _) = proposed();
        batches::fund(&alice(), batch);
        batches::approve(&approver(0), batch, batches::digest(batch));
        batches::execute(&settler(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x50025, location = capp::settlement)]
    fun the_approval_of_a_former_approver_does_not_count() {
        let (batch, _) = approved();
        batches::set_approvers(&admin(), vector[@0xD0, @0xD2], 2);
        assert!(!batches::is_executable(batch));
        batches::execute(&settler(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001F, location = capp::settlement)]
    fun an_unfunded_batch_is_not_executed() {
        let (batch, _) = proposed();
        approve_twice(batch);
        batches::execute(&settler(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001C, location = capp::settlement)]
    fun an_expired_batch_is_not_executed() {
        let (batch, _) = approved();
        pass(3600);
        batches::execute(&settler(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::settlement)]
    fun a_batch_is_executed_once() {
        let (batch, _) = executed();
        batches::execute(&settler(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::settlement)]
    fun a_disputed_batch_is_not_executed() {
        let (batch, _) = disputed();
        batches::execute(&settler(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::settlement)]
    fun a_resolved_batch_is_not_executed() {
        let (batch, _) = resolved();
        batches::execute(&settler(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::settlement)]
    fun a_settled_batch_is_not_executed() {
        let (batch, _) = settled();
        batches::execute(&settler(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::settlement)]
    fun a_refunded_batch_is_not_executed() {
        let (batch, _) = expired();
        batches::execute(&settler(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::settlement)]
    fun a_cancelled_batch_is_not_executed() {
        let (batch, _) = cancelled();
        batches::execute(&settler(), batch);
    }

    #[test]
    fun without_a_window_one_transaction_does_all() {
        let asset = ready();
        let batch = propose_for(asset, ID, @0xB1, 0);
        batches::fund(&alice(), batch);
        approve_twice(batch);
        batches::execute_and_pay(&settler(), batch);
        assert!(batches::state(batch) == SETTLED);
        assert!(balance(asset, @0xC1) == 1000 && balance(asset, @0xC2) == 2000 && balance(asset, @0xC3) == 3000);
    }

    #[test]
    #[expected_failure(abort_code = 0x30028, location = capp::settlement)]
    fun with_a_window_it_does_not() {
        let (batch, _) = approved();
        batches::execute_and_pay(&settler(), batch);
    }

    // Payout.

    #[test]
    fun after_the_window_everybody_is_paid() {
        let (batch, asset) = settled();
        assert!(batches::state(batch) == SETTLED);
        assert!(balance(asset, @0xC1) == 1000 && balance(asset, @0xC2) == 2000 && balance(asset, @0xC3) == 3000);
        assert!(held(batch, asset) == 0);
        let (paid, reversals) = batches::payouts(batch);
        assert!(paid == vector[true, true, true] && reversals == vector[0, 0, 0]);
        assert!(event::emitted_events<PayoutPaid>().length() == 3);
        let events = event::emitted_events<BatchEnded>();
        let shape = EndedShape { batch: object::object_address(&batch), batch_id: ID, state: SETTLED };
        assert!(events.length() == 1 && bcs::to_bytes(&events[0]) == bcs::to_bytes(&shape));
    }

    #[test]
    #[expected_failure(abort_code = 0x30028, location = capp::settlement)]
    fun within_the_window_nobody_is_paid() {
        let (batch, _) = executed();
        pass(3599);
        batches::pay_all(batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x30028, location = capp::settlement)]
    fun within_the_window_no_single_one_is_paid() {
        let (batch, _) = executed();
        batches::pay(batch, 0);
    }

    #[test]
    fun recipients_are_paid_one_by_one() {
        let (batch, asset) = executed();
        pass(3600);
        assert!(batches::is_payable(batch));
        batches::pay(batch, 1);
        assert!(balance(asset, @0xC2) == 2000 && batches::state(batch) == EXECUTED);
        batches::pay(batch, 0);
        batches::pay(batch, 2);
        assert!(batches::state(batch) == SETTLED && held(batch, asset) == 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x3002A, location = capp::settlement)]
    fun a_recipient_is_paid_once() {
        let (batch, _) = executed();
        pass(3600);
        batches::pay(batch, 1);
        batches::pay(batch, 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x10029, location = capp::settlement)]
    fun there_is_no_recipient_beyond_the_last() {
        let (batch, _) = executed();
        pass(3600);
        batches::pay(batch, 3);
    }

    #[test]
    #[expected_failure(abort_code = 0x30028, location = capp::settlement)]
    fun a_settled_batch_pays_nothing() {
        let (batch, _) = settled();
        batches::pay_all(batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x30028, location = capp::settlement)]
    fun a_proposal_pays_nothing() {
        let (batch, _) = approved();
        batches::pay_all(batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x30028, location = capp::settlement)]
    fun a_refunded_batch_pays_nothing() {
        let (batch, _) = expired();
        batches::pay(batch, 0);
    }

    #[test]
    fun a_frozen_recipient_holds_up_nobody_else() {
        let (batch, asset) = executed();
        fixture::freeze_store(asset, @0xC2, true);
        pass(3600);
        batches::pay(batch, 0);
        batches::pay(batch, 2);
        assert!(balance(asset, @0xC1) == 1000 && balance(asset, @0xC3) == 3000);
        fixture::freeze_store(asset, @0xC2, false);
        batches::pay_all(batch);
        assert!(batches::state(batch) == SETTLED);
    }

    #[test]
    #[expected_failure(abort_code = 0x50003, location = aptos_framework::fungible_asset)]
    fun a_frozen_recipient_is_not_passed_over_in_silence() {
        let (batch, asset) = executed();
        fixture::freeze_store(asset, @0xC2, true);
        pass(3600);
        batches::pay_all(batch);
    }

    // Cancellation and expiry.

    #[test]
    fun an_expired_proposal_is_refunded_by_anybody() {
        let (batch, asset) = expired();
        assert!(batches::state(batch) == EXPIRED);
        assert!(balance(asset, @0xB1) == 2000000 && held(batch, asset) == 0);
        assert!(event::emitted_events<Returned>().length() == 1);
    }

    #[test]
    fun an_expired_proposal_without_funds_ends_too() {
        let (batch, _) = proposed();
        pass(3600);
        batches::refund_expired(batch);
        assert!(batches::state(batch) == EXPIRED);
        assert!(event::emitted_events<Returned>().is_empty());
    }

    #[test]
    #[expected_failure(abort_code = 0x3001D, location = capp::settlement)]
    fun before_the_deadline_nothing_is_refunded() {
        let (batch, _) = approved();
        pass(3599);
        batches::refund_expired(batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::settlement)]
    fun a_refund_is_made_once() {
        let (batch, _) = expired();
        batches::refund_expired(batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::settlement)]
    fun an_executed_batch_is_not_refunded() {
        let (batch, _) = executed();
        pass(3600);
        batches::refund_expired(batch);
    }

    #[test]
    fun a_proposal_is_cancelled_and_refunded() {
        let (batch, asset) = cancelled();
        assert!(batches::state(batch) == CANCELLED && balance(asset, @0xB1) == 2000000);
    }

    #[test]
    #[expected_failure(abort_code = 0x50002, location = capp::settlement)]
    fun strangers_cancel_nothing() {
        let (batch, _) = approved();
        batches::cancel(&guardian(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::settlement)]
    fun an_executed_batch_is_not_cancelled() {
        let (batch, _) = executed();
        batches::cancel(&settler(), batch);
    }

    #[test]
    fun what_strays_to_an_ended_batch_goes_to_the_payer() {
        let (batch, asset) = settled();
        fixture::mint(asset, object::object_address(&batch), 77);
        batches::sweep(batch);
        assert!(balance(asset, @0xB1) == 1994077 && batches::state(batch) == SETTLED);
    }

    #[test]
    #[expected_failure(abort_code = 0x30030, location = capp::settlement)]
    fun a_batch_that_has_not_ended_is_not_swept() {
        let (batch, _) = executed();
        batches::sweep(batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3002F, location = capp::settlement)]
    fun an_empty_batch_is_not_swept() {
        let (batch, _) = settled();
        batches::sweep(batch);
    }

    // Dispute.

    #[test]
    fun a_dispute_freezes_the_batch() {
        let (batch, _) = disputed();
        assert!(batches::state(batch) == DISPUTED);
        let (opener, hash, resolve_by, votes) = batches::dispute(batch);
        assert!(opener == @0xB1 && hash == evidence() && votes == 0);
        assert!(resolve_by == start_time() + 604800);
        assert!(!batches::is_payable(batch));
        assert!(event::emitted_events<DisputeOpened>().length() == 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x30028, location = capp::settlement)]
    fun a_frozen_batch_pays_nothing() {
        let (batch, _) = disputed();
        pass(604799);
        batches::pay_all(batch);
    }

    #[test]
    fun recipient_settlement_and_guardian_may_dispute() {
        let asset = ready();
        let openers = vector[@0xC3, @0xA1, @0xA2];
        for (i in 0..3) {
            let id = x"0190a0b00000700080000000000000";
            id.push_back((i as u8));
            let batch = propose_for(asset, id, @0xB1, 3600);
            batches::fund(&alice(), batch);
            approve_twice(batch);
            batches::execute(&settler(), batch);
            batches::open_dispute(&signer_of(openers[i]), batch, evidence());
            assert!(batches::state(batch) == DISPUTED);
        };
    }

    #[test]
    #[expected_failure(abort_code = 0x50007, location = capp::settlement)]
    fun strangers_dispute_nothing() {
        let (batch, _) = executed();
        batches::open_dispute(&mallory(), batch, evidence());
    }

    #[test]
    #[expected_failure(abort_code = 0x50007, location = capp::settlement)]
    fun an_arbiter_opens_no_dispute() {
        let (batch, _) = executed();
        batches::open_dispute(&arbiter(0), batch, evidence());
    }

    #[test]
    #[expected_failure(abort_code = 0x10012, location = capp::settlement)]
    fun evidence_is_a_hash() {
        let (batch, _) = executed();
        batches::open_dispute(&alice(), batch, b"he lied");
    }

    #[test]
    #[expected_failure(abort_code = 0x30026, location = capp::settlement)]
    fun a_proposal_is_not_disputed() {
        let (batch, _) = approved();
        batches::open_dispute(&alice(), batch, evidence());
    }

    #[test]
    #[expected_failure(abort_code = 0x30026, location = capp::settlement)]
    fun a_batch_is_disputed_once() {
        let (batch, _) = disputed();
        batches::open_dispute(&alice(), batch, evidence());
    }

    #[test]
    #[expected_failure(abort_code = 0x30026, location = capp::settlement)]
    fun a_resolved_batch_is_not_disputed_again() {
        let (batch, _) = resolved();
        batches::open_dispute(&alice(), batch, evidence());
    }

    #[test]
    #[expected_failure(abort_code = 0x30026, location = capp::settlement)]
    fun a_settled_batch_is_not_disputed() {
        let (batch, _) = settled();
        batches::open_dispute(&alice(), batch, evidence());
    }

    #[test]
    #[expected_failure(abort_code = 0x30027, location = capp::settlement)]
    fun after_the_window_nothing_is_disputed() {
        let (batch, _) = executed();
        pass(3600);
        batches::open_dispute(&alice(), batch, evidence());
    }

    #[test]
    fun arbiters_reverse_in_part() {
        let (batch, asset) = resolved();
        assert!(batches::state(batch) == RESOLVED && batches::is_payable(batch));
        let (paid, reversals) = batches::payouts(batch);
        assert!(paid == vector[true, false, false] && reversals == vector[1000, 500, 0]);
        batches::pay_all(batch);
        assert!(batches::state(batch) == SETTLED);
        assert!(balance(asset, @0xC1) == 0 && balance(asset, @0xC2) == 1500 && balance(asset, @0xC3) == 3000);
        assert!(balance(asset, @0xB1) == 1995500 && held(batch, asset) == 0);
        assert!(event::emitted_events<ArbiterVoted>().length() == 2);
        assert!(event::emitted_events<DisputeResolved>().length() == 1);
    }

    #[test]
    fun what_is_reversed_may_be_returned_first() {
        let (batch, asset) = resolved();
        batches::return_reversed(batch);
        assert!(balance(asset, @0xB1) == 1995500 && batches::state(batch) == RESOLVED);
        batches::pay(batch, 1);
        batches::pay(batch, 2);
        assert!(batches::state(batch) == SETTLED);
    }

    #[test]
    fun what_is_reversed_may_be_returned_last() {
        let (batch, _) = resolved();
        batches::pay(batch, 1);
        batches::pay(batch, 2);
        assert!(batches::state(batch) == RESOLVED);
        batches::return_reversed(batch);
        assert!(batches::state(batch) == SETTLED);
    }

    #[test]
    #[expected_failure(abort_code = 0x3002F, location = capp::settlement)]
    fun what_is_reversed_is_returned_once() {
        let (batch, _) = resolved();
        batches::return_reversed(batch);
        batches::return_reversed(batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3002F, location = capp::settlement)]
    fun without_a_reversal_nothing_is_returned() {
        let (batch, _) = executed();
        batches::return_reversed(batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x3002A, location = capp::settlement)]
    fun what_is_reversed_in_full_is_not_paid() {
        let (batch, _) = resolved();
        batches::pay(batch, 0);
    }

    #[test]
    fun arbiters_may_let_it_stand() {
        let (batch, asset) = disputed();
        batches::vote(&arbiter(2), batch, vector[0, 0, 0]);
        batches::vote(&arbiter(0), batch, vector[0, 0, 0]);
        batches::pay_all(batch);
        assert!(batches::state(batch) == SETTLED && balance(asset, @0xC1) == 1000);
    }

    #[test]
    fun arbiters_may_reverse_everything() {
        let (batch, asset) = disputed();
        batches::vote(&arbiter(2), batch, vector[1000, 2000, 3000]);
        batches::vote(&arbiter(0), batch, vector[1000, 2000, 3000]);
        batches::pay_all(batch);
        assert!(batches::state(batch) == SETTLED && balance(asset, @0xB1) == 2000000);
    }

    #[test]
    fun a_reversal_goes_back_into_the_pools_books() {
        let (batch, pool, _) = from_pool();
        batches::fund_from_pool(&settler(), batch, pool, ID);
        approve_twice(batch);
        batches::execute(&settler(), batch);
        batches::open_dispute(&settler(), batch, evidence());
        batches::vote(&arbiter(0), batch, vector[1000, 0, 0]);
        batches::vote(&arbiter(1), batch, vector[1000, 0, 0]);
        batches::pay_all(batch);
        let (cash, _, outstanding) = pools::balances(pool);
        assert!(cash == 95000 && outstanding == 5000);
    }

    #[test]
    fun different_judgements_resolve_nothing() {
        let (batch, _) = disputed();
        batches::vote(&arbiter(0), batch, vector[1000, 0, 0]);
        batches::vote(&arbiter(1), batch, vector[0, 0, 0]);
        assert!(batches::state(batch) == DISPUTED);
        // The first thinks again.
        batches::vote(&arbiter(0), batch, vector[0, 0, 0]);
        assert!(batches::state(batch) == RESOLVED);
    }

    #[test]
    fun an_arbiter_counts_once() {
        let (batch, _) = disputed();
        batches::vote(&arbiter(0), batch, vector[1000, 0, 0]);
        batches::vote(&arbiter(0), batch, vector[1000, 0, 0]);
        let (_, _, _, votes) = batches::dispute(batch);
        assert!(votes == 1 && batches::state(batch) == DISPUTED);
    }

    #[test]
    fun the_vote_of_a_former_arbiter_does_not_count() {
        let (batch, _) = disputed();
        batches::vote(&arbiter(0), batch, vector[1000, 0, 0]);
        batches::set_arbiters(&admin(), vector[@0xE1, @0xE2], 1);
        batches::vote(&arbiter(1), batch, vector[1000, 0, 0]);
        assert!(batches::state(batch) == DISPUTED);
        batches::vote(&arbiter(2), batch, vector[1000, 0, 0]);
        assert!(batches::state(batch) == RESOLVED);
    }

    #[test]
    #[expected_failure(abort_code = 0x50005, location = capp::settlement)]
    fun only_arbiters_judge() {
        let (batch, _) = disputed();
        batches::vote(&mallory(), batch, vector[0, 0, 0]);
    }

    #[test]
    #[expected_failure(abort_code = 0x3002B, location = capp::settlement)]
    fun only_a_dispute_is_judged() {
        let (batch, _) = executed();
        batches::vote(&arbiter(0), batch, vector[0, 0, 0]);
    }

    #[test]
    #[expected_failure(abort_code = 0x3002B, location = capp::settlement)]
    fun a_judgement_is_final() {
        let (batch, _) = resolved();
        batches::vote(&arbiter(2), batch, vector[0, 0, 0]);
    }

    #[test]
    #[expected_failure(abort_code = 0x10015, location = capp::settlement)]
    fun a_judgement_says_something_of_every_payout() {
        let (batch, _) = disputed();
        batches::vote(&arbiter(0), batch, vector[0, 0]);
    }

    #[test]
    #[expected_failure(abort_code = 0x1002E, location = capp::settlement)]
    fun no_more_is_reversed_than_was_to_be_paid() {
        let (batch, _) = disputed();
        batches::vote(&arbiter(0), batch, vector[0, 2001, 0]);
    }

    fun judge_as(account: address) {
        let (batch, _) = disputed();
        batches::set_arbiters(&admin(), vector[account, @0xE0], 2);
        batches::vote(&signer_of(account), batch, vector[0, 0, 0]);
    }

    #[test]
    #[expected_failure(abort_code = 0x5002D, location = capp::settlement)]
    fun who_pays_does_not_judge() {
        judge_as(@0xB1);
    }

    #[test]
    #[expected_failure(abort_code = 0x5002D, location = capp::settlement)]
    fun who_is_paid_does_not_judge() {
        judge_as(@0xC1);
    }

    #[test]
    #[expected_failure(abort_code = 0x5002D, location = capp::settlement)]
    fun who_proposed_does_not_judge() {
        judge_as(@0xA1);
    }

    #[test]
    #[expected_failure(abort_code = 0x5002D, location = capp::settlement)]
    fun who_approved_does_not_judge() {
        judge_as(@0xD0);
    }

    #[test]
    #[expected_failure(abort_code = 0x5002D, location = capp::settlement)]
    fun who_opened_the_dispute_does_not_judge() {
        let (batch, _) = executed();
        batches::open_dispute(&guardian(), batch, evidence());
        batches::set_arbiters(&admin(), vector[@0xA2, @0xE0], 2);
        batches::vote(&guardian(), batch, vector[0, 0, 0]);
    }

    #[test]
    #[expected_failure(abort_code = 0x3002C, location = capp::settlement)]
    fun a_judgement_comes_in_time() {
        let (batch, _) = disputed();
        pass(604800);
        batches::vote(&arbiter(0), batch, vector[0, 0, 0]);
    }

    #[test]
    fun a_dispute_that_nobody_judges_lapses() {
        let (batch, asset) = disputed();
        batches::vote(&arbiter(0), batch, vector[1000, 0, 0]);
        pass(604800);
        assert!(batches::is_payable(batch));
        batches::pay_all(batch);
        assert!(batches::state(batch) == SETTLED && balance(asset, @0xC1) == 1000);
    }

    // Pause.

    #[test]
    #[expected_failure(abort_code = 0x30008, location = capp::settlement)]
    fun a_pause_stops_proposals() {
        let asset = ready();
        batches::pause(&guardian());
        propose_for(asset, ID, @0xB1, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x30008, location = capp::settlement)]
    fun a_pause_stops_funding() {
        let (batch, _) = proposed();
        batches::pause(&guardian());
        batches::fund(&alice(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x30008, location = capp::settlement)]
    fun a_pause_stops_funding_from_a_pool() {
        let (batch, pool, _) = from_pool();
        batches::pause(&guardian());
        batches::fund_from_pool(&settler(), batch, pool, ID);
    }

    #[test]
    #[expected_failure(abort_code = 0x30008, location = capp::settlement)]
    fun a_pause_stops_approvals() {
        let (batch, _) = proposed();
        batches::pause(&guardian());
        batches::approve(&approver(0), batch, batches::digest(batch));
    }

    #[test]
    #[expected_failure(abort_code = 0x30008, location = capp::settlement)]
    fun a_pause_stops_executions() {
        let (batch, _) = approved();
        batches::pause(&guardian());
        assert!(!batches::is_executable(batch));
        batches::execute(&settler(), batch);
    }

    #[test]
    fun a_pause_stops_no_payout_and_no_dispute() {
        let (batch, asset) = executed();
        let other = propose_for(asset, x"0190a0b0000070008000000000000002", @0xB1, 3600);
        batches::fund(&alice(), other);
        batches::pause(&guardian());
        assert!(batches::is_paused());
        batches::open_dispute(&alice(), batch, evidence());
        batches::vote(&arbiter(0), batch, vector[1, 0, 0]);
        batches::vote(&arbiter(1), batch, vector[1, 0, 0]);
        batches::pay_all(batch);
        pass(3600);
        batches::refund_expired(other);
        assert!(balance(asset, @0xB1) == 1994001 && balance(asset, @0xC1) == 999);
    }

    #[test]
    fun a_pause_ends() {
        let (batch, _) = approved();
        batches::pause(&admin());
        batches::resume(&admin());
        batches::execute(&settler(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x50003, location = capp::settlement)]
    fun strangers_do_not_pause() {
        ready();
        batches::pause(&settler());
    }

    #[test]
    #[expected_failure(abort_code = 0x50001, location = capp::settlement)]
    fun the_guardian_does_not_resume() {
        ready();
        batches::pause(&guardian());
        batches::resume(&guardian());
    }

    #[test]
    #[expected_failure(abort_code = 0x30008, location = capp::settlement)]
    fun a_pause_is_not_made_twice() {
        ready();
        batches::pause(&guardian());
        batches::pause(&guardian());
    }

    #[test]
    #[expected_failure(abort_code = 0x30009, location = capp::settlement)]
    fun what_runs_is_not_resumed() {
        ready();
        batches::resume(&admin());
    }

    // Proofs.

    #[test]
    fun an_item_of_the_batch_is_proven() {
        let asset = ready();
        // The platform's example leaf: payout of 125,050 Kenyan cents, in 44 bytes.
        let leaf = merkle::leaf_hash(x"0190a0b00000700080000000000000010190a0b00000700080000000000000ff02000000000001e87a4b4553");
        let leaves = vector[fixture::hash_of(b"x"), leaf, fixture::hash_of(b"y")];
        batches::propose(
            &settler(), ID, asset, @0xB1, vector[@0xC1], vector[1], merkle::root_of(leaves), 3, 2, start_time() + 1, 0
        );
        let batch = object::address_to_object<Batch>(batches::batch_address(ID));
        let payment = x"0190a0b00000700080000000000000ff";
        let path = merkle::path_of(leaves, 1);
        assert!(batches::verify_item(batch, payment, 2, 125050, b"KES", 1, path));
        assert!(!batches::verify_item(batch, payment, 1, 125050, b"KES", 1, path));
        assert!(!batches::verify_item(batch, payment, 2, 125051, b"KES", 1, path));
        assert!(!batches::verify_item(batch, payment, 2, 125050, b"UGX", 1, path));
        assert!(!batches::verify_item(batch, payment, 2, 125050, b"KES", 0, path));
        assert!(!batches::verify_item(batch, ID, 2, 125050, b"KES", 1, path));
        assert!(!batches::verify_item(batch, x"00", 2, 125050, b"KES", 1, path));
        assert!(!batches::verify_item(batch, payment, 2, 125050, b"KE", 1, path));
        assert!(batches::verify_leaf(batch, leaf, 1, path));
        assert!(!batches::verify_leaf(batch, leaf, 1, vector[]));
    }

    #[test]
    fun batches_hold_their_own_money() {
        let (batch, asset) = executed();
        let other = propose_for(asset, x"0190a0b0000070008000000000000002", @0xB1, 3600);
        batches::fund(&alice(), other);
        timestamp::fast_forward_seconds(3600);
        batches::pay_all(batch);
        assert!(held(batch, asset) == 0 && held(other, asset) == 6000);
    }
}
