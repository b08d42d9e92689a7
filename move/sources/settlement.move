/// Settlement batches: what the platform's partners owe each other after netting, paid once, by approval of m
/// of n signers, with a time to dispute it.
///
///     proposed --execute--> executed --window over--> paid out (settled)
///        |                     |-- disputed --> resolved --> paid out and reversed (settled)
///        |                          `-- arbiters silent until the limit --> paid out (settled)
///        |-- cancelled, or expired: what was funded goes back to the payer
///
/// What holds at all times:
/// - Payer, recipients, amounts, Merkle root and count are bound by the proposal's digest; an approval names it.
/// - A batch is executed at most once, each of its payouts is paid at most once, and paid plus reversed never
///   exceeds what was funded.
/// - Each batch is an object with funds of its own, so batches neither contend nor share a balance.
/// - Nothing is stuck: an expired proposal is refundable by anybody, a dispute lapses, a recipient whose store
///   refuses the asset holds up nobody else, and a pause stops none of these.
///
/// Amounts are minor units of the asset, times are Unix seconds.
module capp::settlement {
    use std::bcs;
    use std::error;
    use std::hash;
    use std::option::{Self, Option};
    use std::signer;
    use aptos_std::table::{Self, Table};
    use aptos_framework::event;
    use aptos_framework::fungible_asset::Metadata;
    use aptos_framework::object::{Self, ExtendRef, Object};
    use aptos_framework::primary_fungible_store;
    use aptos_framework::timestamp;
    use capp::liquidity_pool::{Self, Pool};
    use capp::merkle;
    use capp::roles::{Self, Roles};

    /// Only the administrator may do this.
    const E_NOT_ADMIN: u64 = 1;
    /// Only the settlement role may do this.
    const E_NOT_SETTLER: u64 = 2;
    /// Only the guardian or the administrator may do this.
    const E_NOT_GUARDIAN: u64 = 3;
    /// Only an approver may do this.
    const E_NOT_APPROVER: u64 = 4;
    /// Only an arbiter may do this.
    const E_NOT_ARBITER: u64 = 5;
    /// Only the payer named in the batch may fund it.
    const E_NOT_PAYER: u64 = 6;
    /// Only the payer, a recipient, the settlement role or the guardian may dispute a batch.
    const E_NOT_PARTY: u64 = 7;
    /// Settlement is paused.
    const E_PAUSED: u64 = 8;
    /// Settlement is not paused.
    const E_NOT_PAUSED: u64 = 9;
    /// A signer stands twice in the list.
    const E_DUPLICATE_SIGNER: u64 = 10;
    /// The number of signers needed is zero, or more than there are.
    const E_THRESHOLD: u64 = 11;
    /// More signers than a set may have.
    const E_TOO_MANY_SIGNERS: u64 = 12;
    /// A time above the longest one allowed, or of zero where there must be one.
    const E_TIME: u64 = 13;
    /// Batches in this asset are not allowed.
    const E_ASSET_NOT_ALLOWED: u64 = 14;
    /// The total is above the cap of one batch in this asset.
    const E_BATCH_CAP: u64 = 15;
    /// A batch id has 16 bytes.
    const E_BATCH_ID_LENGTH: u64 = 16;
    /// There is a batch of this id already.
    const E_BATCH_EXISTS: u64 = 17;
    /// A hash has 32 bytes.
    const E_HASH_LENGTH: u64 = 18;
    /// A batch needs an item at least.
    const E_NO_ITEMS: u64 = 19;
    /// A batch needs a recipient at least and has a most of them.
    const E_RECIPIENT_COUNT: u64 = 20;
    /// Recipients and amounts, or amounts and reversals, differ in number.
    const E_LENGTH_MISMATCH: u64 = 21;
    /// An amount must be above zero.
    const E_ZERO_AMOUNT: u64 = 22;
    /// A recipient stands twice in the batch, or is the payer.
    const E_BAD_RECIPIENT: u64 = 23;
    /// Fewer approvals than the rules ask for, or more than there are approvers.
    const E_APPROVALS_NEEDED: u64 = 24;
    /// The deadline is past or too far ahead.
    const E_DEADLINE: u64 = 25;
    /// The dispute window is shorter than the rules ask for, or too long.
    const E_DISPUTE_WINDOW: u64 = 26;
    /// The batch is no longer a proposal.
    const E_NOT_PROPOSED: u64 = 27;
    /// The proposal's deadline has passed.
    const E_EXPIRED: u64 = 28;
    /// The proposal's deadline has not passed.
    const E_NOT_EXPIRED: u64 = 29;
    /// The batch is funded already.
    const E_ALREADY_FUNDED: u64 = 30;
    /// The batch is not funded.
    const E_NOT_FUNDED: u64 = 31;
    /// The batch names another payer than this pool, or the pool holds another asset.
    const E_WRONG_POOL: u64 = 32;
    /// The approval is for other content than the batch has.
    const E_DIGEST_MISMATCH: u64 = 33;
    /// Whoever proposed a batch or is paid by it does not approve it.
    const E_APPROVER_IS_PARTY: u64 = 34;
    /// The signer has approved before.
    const E_ALREADY_APPROVED: u64 = 35;
    /// The signer has not approved.
    const E_NOT_APPROVED: u64 = 36;
    /// Not enough present approvers have approved.
    const E_TOO_FEW_APPROVALS: u64 = 37;
    /// The batch is not executed, or its dispute is over.
    const E_NOT_EXECUTED: u64 = 38;
    /// The dispute window is over.
    const E_WINDOW_OVER: u64 = 39;
    /// The batch may not be paid out in this state or at this time.
    const E_NOT_PAYABLE: u64 = 40;
    /// There is no payout at this index.
    const E_NO_SUCH_PAYOUT: u64 = 41;
    /// The payout was paid before, or reversed in full.
    const E_ALREADY_PAID: u64 = 42;
    /// The batch is not in dispute.
    const E_NOT_DISPUTED: u64 = 43;
    /// The time to resolve the dispute is over.
    const E_DISPUTE_LAPSED: u64 = 44;
    /// An arbiter who proposed, approved, pays, is paid or opened the dispute does not judge it.
    const E_ARBITER_IS_PARTY: u64 = 45;
    /// More would be reversed than is paid.
    const E_REVERSAL_TOO_HIGH: u64 = 46;
    /// Nothing is left to return.
    const E_NOTHING_TO_RETURN: u64 = 47;
    /// The batch has not come to its end.
    const E_NOT_ENDED: u64 = 48;
    /// What arrived in the batch is not the whole total.
    const E_FUNDED_SHORT: u64 = 49;

    const ROLE_ADMIN: u64 = 0;
    const ROLE_SETTLER: u64 = 1;
    const ROLE_GUARDIAN: u64 = 2;
    const ROLE_COUNT: u64 = 3;
    const ROLE_SCOPE: u8 = 2;

    const STATE_PROPOSED: u8 = 1;
    const STATE_EXECUTED: u8 = 2;
    const STATE_DISPUTED: u8 = 3;
    const STATE_RESOLVED: u8 = 4;
    const STATE_SETTLED: u8 = 5;
    const STATE_EXPIRED: u8 = 6;
    const STATE_CANCELLED: u8 = 7;

    const SIGNERS_MAX: u64 = 32;
    const RECIPIENTS_MAX: u64 = 64;
    const DEADLINE_SECS_MAX: u64 = 2592000; // 30 days
    const DISPUTE_WINDOW_SECS_MAX: u64 = 2592000; // 30 days
    const DISPUTE_LIMIT_SECS_MAX: u64 = 7776000; // 90 days
    const DISPUTE_LIMIT_SECS_DEFAULT: u64 = 604800; // 7 days
    const U64_MAX: u128 = 18446744073709551615;
    const DIGEST_DOMAIN: vector<u8> = b"capp.settlement.v1";

    /// Who may do what, and the rules for new batches.
    struct Rules has key {
        roles: Roles,
        extend: ExtendRef,
        paused: bool,
        approvers: vector<address>,
        approvals_min: u64,
        arbiters: vector<address>,
        votes_needed: u64,
        dispute_window_min_secs: u64,
        dispute_limit_secs: u64,
        /// Most that one batch may come to, by asset; an asset without a cap is not allowed.
        batch_caps: Table<address, u64>
    }

    /// What a proposal binds and an approval is for.
    struct Terms has copy, drop, store {
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

    /// What the digest is over: the terms, for this contract at this address.
    struct Binding has drop {
        domain: vector<u8>,
        contract: address,
        terms: Terms
    }

    struct Batch has key {
        terms: Terms,
        digest: vector<u8>,
        asset: Object<Metadata>,
        total: u64,
        extend: ExtendRef,
        state: u8,
        approvals: vector<address>,
        funded: bool,
        from_pool: bool,
        executed_at: u64,
        window_ends_at: u64,
        /// One for each recipient: paid (or reversed in full), and what is reversed.
        paid: vector<bool>,
        reversals: vector<u64>,
        /// What goes back to the payer, until it has.
        to_return: u64,
        dispute: Option<Dispute>
    }

    struct Dispute has drop, store {
        opener: address,
        evidence_hash: vector<u8>,
        resolve_by: u64,
        votes_needed: u64,
        votes: vector<Vote>
    }

    struct Vote has drop, store {
        arbiter: address,
        reversals: vector<u64>
    }

    #[event]
    struct ApproversChanged has drop, store {
        approvers: vector<address>,
        approvals_min: u64
    }

    #[event]
    struct ArbitersChanged has drop, store {
        arbiters: vector<address>,
        votes_needed: u64
    }

    #[event]
    struct DisputeRulesChanged has drop, store {
        window_min_secs: u64,
        limit_secs: u64
    }

    #[event]
    struct BatchCapChanged has drop, store {
        asset: address,
        cap: u64
    }

    #[event]
    struct PauseChanged has drop, store {
        paused: bool,
        by: address
    }

    #[event]
    struct BatchProposed has drop, store {
        batch: address,
        terms: Terms,
        digest: vector<u8>,
        total: u64
    }

    #[event]
    struct BatchFunded has drop, store {
        batch: address,
        payer: address,
        amount: u64
    }

    #[event]
    struct BatchApproved has drop, store {
        batch: address,
        approver: address,
        approvals: u64
    }

    #[event]
    struct ApprovalWithdrawn has drop, store {
        batch: address,
        approver: address
    }

    #[event]
    struct BatchExecuted has drop, store {
        batch: address,
        batch_id: vector<u8>,
        merkle_root: vector<u8>,
        total: u64,
        window_ends_at: u64
    }

    #[event]
    struct PayoutPaid has drop, store {
        batch: address,
        index: u64,
        recipient: address,
        amount: u64
    }

    #[event]
    struct Returned has drop, store {
        batch: address,
        payer: address,
        amount: u64
    }

    #[event]
    /// The batch came to its end: settled, expired or cancelled.
    struct BatchEnded has drop, store {
        batch: address,
        batch_id: vector<u8>,
        state: u8
    }

    #[event]
    struct DisputeOpened has drop, store {
        batch: address,
        opener: address,
        evidence_hash: vector<u8>,
        resolve_by: u64
    }

    #[event]
    struct ArbiterVoted has drop, store {
        batch: address,
        arbiter: address,
        reversals: vector<u64>
    }

    #[event]
    struct DisputeResolved has drop, store {
        batch: address,
        reversals: vector<u64>,
        reversed: u64
    }

    /// All roles begin with the publisher. There are no approvers, arbiters or allowed assets yet.
    fun init_module(publisher: &signer) {
        let root = object::create_named_object(publisher, b"capp::settlement");
        move_to(
            publisher,
            Rules {
                roles: roles::new(ROLE_SCOPE, signer::address_of(publisher), ROLE_COUNT),
                extend: object::generate_extend_ref(&root),
                paused: false,
                approvers: vector[],
                approvals_min: 1,
                arbiters: vector[],
                votes_needed: 1,
                dispute_window_min_secs: 0,
                dispute_limit_secs: DISPUTE_LIMIT_SECS_DEFAULT,
                batch_caps: table::new()
            }
        );
    }

    // Roles.

    /// First step of a hand-over, by the role's holder or the administrator.
    public entry fun offer_role(by: &signer, role: u64, nominee: address) acquires Rules {
        borrow_global_mut<Rules>(@capp).roles.offer(by, role, nominee);
    }

    public entry fun withdraw_role_offer(by: &signer, role: u64) acquires Rules {
        borrow_global_mut<Rules>(@capp).roles.withdraw_offer(by, role);
    }

    /// Second step, by the nominee.
    public entry fun accept_role(by: &signer, role: u64) acquires Rules {
        borrow_global_mut<Rules>(@capp).roles.accept(by, role);
    }

    // Administration.

    /// Replaces the set of approvers. An approval counts only while its signer is in the set.
    public entry fun set_approvers(
        admin: &signer, approvers: vector<address>, approvals_min: u64
    ) acquires Rules {
        assert_signer_set(&approvers, approvals_min);
        let rules = rules_for_admin(admin);
        rules.approvers = approvers;
        rules.approvals_min = approvals_min;
        event::emit(ApproversChanged { approvers, approvals_min });
    }

    /// Replaces the set of arbiters. A dispute keeps the number of votes it was opened with.
    public entry fun set_arbiters(admin: &signer, arbiters: vector<address>, votes_needed: u64) acquires Rules {
        assert_signer_set(&arbiters, votes_needed);
        let rules = rules_for_admin(admin);
        rules.arbiters = arbiters;
        rules.votes_needed = votes_needed;
        event::emit(ArbitersChanged { arbiters, votes_needed });
    }

    /// The shortest dispute window of a new batch, and the time after which an unresolved dispute lapses.
    public entry fun set_dispute_rules(admin: &signer, window_min_secs: u64, limit_secs: u64) acquires Rules {
        let rules = rules_for_admin(admin);
        assert!(
            window_min_secs <= DISPUTE_WINDOW_SECS_MAX && limit_secs > 0 && limit_secs <= DISPUTE_LIMIT_SECS_MAX,
            error::invalid_argument(E_TIME)
        );
        rules.dispute_window_min_secs = window_min_secs;
        rules.dispute_limit_secs = limit_secs;
        event::emit(DisputeRulesChanged { window_min_secs, limit_secs });
    }

    /// Allows batches in an asset up to a cap each; zero forbids new ones.
    public entry fun set_batch_cap(admin: &signer, asset: Object<Metadata>, cap: u64) acquires Rules {
        let rules = rules_for_admin(admin);
        let at = object::object_address(&asset);
        if (rules.batch_caps.contains(at)) *rules.batch_caps.borrow_mut(at) = cap
        else rules.batch_caps.add(at, cap);
        event::emit(BatchCapChanged { asset: at, cap });
    }

    /// Stops proposals, funding, approvals and executions. Payouts of executed batches, refunds and disputes go on.
    public entry fun pause(guardian: &signer) acquires Rules {
        let rules = borrow_global_mut<Rules>(@capp);
        assert!(
            rules.roles.holds(ROLE_GUARDIAN, guardian) || rules.roles.holds(ROLE_ADMIN, guardian),
            error::permission_denied(E_NOT_GUARDIAN)
        );
        rules.assert_running();
        rules.paused = true;
        event::emit(PauseChanged { paused: true, by: signer::address_of(guardian) });
    }

    /// Only the administrator ends a pause.
    public entry fun resume(admin: &signer) acquires Rules {
        let rules = rules_for_admin(admin);
        assert!(rules.paused, error::invalid_state(E_NOT_PAUSED));
        rules.paused = false;
        event::emit(PauseChanged { paused: false, by: signer::address_of(admin) });
    }

    // A batch until its execution.

    /// Puts a batch before its approvers, as an object whose address follows from the id. `payer` is whoever
    /// will fund it (a pool's address for funding from that pool) and gets back what is not paid.
    public entry fun propose(
        settler: &signer,
        batch_id: vector<u8>,
        asset: Object<Metadata>,
        payer: address,
        recipients: vector<address>,
        amounts: vector<u64>,
        merkle_root: vector<u8>,
        item_count: u64,
        approvals_needed: u64,
        deadline: u64,
        dispute_window_secs: u64
    ) acquires Rules {
        let rules = borrow_global<Rules>(@capp);
        rules.assert_settler(settler);
        rules.assert_running();
        let terms = Terms {
            batch_id,
            asset: object::object_address(&asset),
            proposer: signer::address_of(settler),
            payer,
            recipients,
            amounts,
            merkle_root,
            item_count,
            approvals_needed,
            deadline,
            dispute_window_secs
        };
        let total = rules.checked_total(&terms);
        assert!(!batch_exists(batch_id), error::already_exists(E_BATCH_EXISTS));
        let ref = object::create_named_object(&object::generate_signer_for_extending(&rules.extend), batch_id);
        let digest = digest_of(&terms);
        let count = recipients.length();
        let batch = Batch {
            terms,
            digest,
            asset,
            total,
            extend: object::generate_extend_ref(&ref),
            state: STATE_PROPOSED,
            approvals: vector[],
            funded: false,
            from_pool: false,
            executed_at: 0,
            window_ends_at: 0,
            paid: repeated(false, count),
            reversals: repeated(0, count),
            to_return: 0,
            dispute: option::none()
        };
        move_to(&object::generate_signer(&ref), batch);
        event::emit(BatchProposed { batch: object::address_from_constructor_ref(&ref), terms, digest, total });
    }

    /// The payer puts in the whole total, once. An asset of which less arrives than was sent funds nothing.
    public entry fun fund(payer: &signer, batch: Object<Batch>) acquires Batch, Rules {
        let at = object::object_address(&batch);
        let state = borrow_global_mut<Batch>(at);
        state.assert_fundable();
        assert!(signer::address_of(payer) == state.terms.payer, error::permission_denied(E_NOT_PAYER));
        let held = primary_fungible_store::balance(at, state.asset);
        primary_fungible_store::transfer(payer, state.asset, at, state.total);
        state.mark_funded(at, held);
    }

    /// Funds a batch whose payer is a pool by consuming a reservation of it. The signer needs the settlement
    /// role here and in the pool.
    public entry fun fund_from_pool(
        settler: &signer, batch: Object<Batch>, pool: Object<Pool>, reservation_id: vector<u8>
    ) acquires Batch, Rules {
        borrow_global<Rules>(@capp).assert_settler(settler);
        let at = object::object_address(&batch);
        let state = borrow_global_mut<Batch>(at);
        state.assert_fundable();
        let payer = object::object_address(&pool);
        assert!(
            payer == state.terms.payer && liquidity_pool::asset(pool) == state.asset,
            error::invalid_argument(E_WRONG_POOL)
        );
        let held = primary_fungible_store::balance(at, state.asset);
        liquidity_pool::consume(settler, pool, reservation_id, state.total, at);
        state.mark_funded(at, held);
        state.from_pool = true;
    }

    /// One approver's consent to exactly the content that `digest` stands for.
    public entry fun approve(approver: &signer, batch: Object<Batch>, digest: vector<u8>) acquires Batch, Rules {
        let account = signer::address_of(approver);
        let rules = borrow_global<Rules>(@capp);
        rules.assert_running();
        assert!(rules.approvers.contains(&account), error::permission_denied(E_NOT_APPROVER));
        let at = object::object_address(&batch);
        let state = borrow_global_mut<Batch>(at);
        state.assert_open_proposal();
        assert!(digest == state.digest, error::invalid_argument(E_DIGEST_MISMATCH));
        assert!(
            account != state.terms.proposer && !state.terms.recipients.contains(&account),
            error::permission_denied(E_APPROVER_IS_PARTY)
        );
        assert!(!state.approvals.contains(&account), error::already_exists(E_ALREADY_APPROVED));
        state.approvals.push_back(account);
        event::emit(BatchApproved { batch: at, approver: account, approvals: state.approvals.length() });
    }

    /// Takes an approval back, as long as the batch is a proposal.
    public entry fun withdraw_approval(approver: &signer, batch: Object<Batch>) acquires Batch {
        let account = signer::address_of(approver);
        let at = object::object_address(&batch);
        let state = borrow_global_mut<Batch>(at);
        state.assert_proposed();
        let (found, index) = state.approvals.index_of(&account);
        assert!(found, error::not_found(E_NOT_APPROVED));
        state.approvals.swap_remove(index);
        event::emit(ApprovalWithdrawn { batch: at, approver: account });
    }

    /// Makes an approved and funded batch binding, once, and opens its dispute window.
    public entry fun execute(settler: &signer, batch: Object<Batch>) acquires Batch, Rules {
        let rules = borrow_global<Rules>(@capp);
        rules.assert_settler(settler);
        rules.assert_running();
        let at = object::object_address(&batch);
        let state = borrow_global_mut<Batch>(at);
        state.assert_open_proposal();
        assert!(
            rules.approvals_that_count(&state.approvals) >= state.terms.approvals_needed,
            error::permission_denied(E_TOO_FEW_APPROVALS)
        );
        assert!(state.funded, error::invalid_state(E_NOT_FUNDED));
        let now = timestamp::now_seconds();
        state.state = STATE_EXECUTED;
        state.executed_at = now;
        state.window_ends_at = now + state.terms.dispute_window_secs;
        event::emit(
            BatchExecuted {
                batch: at,
                batch_id: state.terms.batch_id,
                merkle_root: state.terms.merkle_root,
                total: state.total,
                window_ends_at: state.window_ends_at
            }
        );
    }

    /// Executes a batch without a dispute window and pays it out in one transaction.
    public entry fun execute_and_pay(settler: &signer, batch: Object<Batch>) acquires Batch, Rules {
        execute(settler, batch);
        pay_all(batch);
    }

    /// Takes a proposal back and refunds it: the settlement role or the administrator.
    public entry fun cancel(by: &signer, batch: Object<Batch>) acquires Batch, Rules {
        let rules = borrow_global<Rules>(@capp);
        assert!(
            rules.roles.holds(ROLE_SETTLER, by) || rules.roles.holds(ROLE_ADMIN, by),
            error::permission_denied(E_NOT_SETTLER)
        );
        let at = object::object_address(&batch);
        let state = borrow_global_mut<Batch>(at);
        state.assert_proposed();
        state.refund(at, STATE_CANCELLED);
    }

    /// Ends a proposal that missed its deadline and refunds it; anybody may.
    public entry fun refund_expired(batch: Object<Batch>) acquires Batch {
        let at = object::object_address(&batch);
        let state = borrow_global_mut<Batch>(at);
        state.assert_proposed();
        assert!(timestamp::now_seconds() >= state.terms.deadline, error::invalid_state(E_NOT_EXPIRED));
        state.refund(at, STATE_EXPIRED);
    }

    // A batch after its execution.

    /// Pays one recipient; anybody may, once nothing can be disputed any more.
    public entry fun pay(batch: Object<Batch>, index: u64) acquires Batch {
        let at = object::object_address(&batch);
        let state = borrow_global_mut<Batch>(at);
        assert!(state.may_be_paid(), error::invalid_state(E_NOT_PAYABLE));
        assert!(index < state.paid.length(), error::invalid_argument(E_NO_SUCH_PAYOUT));
        assert!(!state.paid[index], error::invalid_state(E_ALREADY_PAID));
        state.pay_one(at, index);
        state.settle_if_done(at);
    }

    /// Pays every recipient who is not paid, and returns to the payer what was reversed.
    public entry fun pay_all(batch: Object<Batch>) acquires Batch {
        let at = object::object_address(&batch);
        let state = borrow_global_mut<Batch>(at);
        assert!(state.may_be_paid(), error::invalid_state(E_NOT_PAYABLE));
        for (index in 0..state.paid.length()) {
            if (!state.paid[index]) state.pay_one(at, index);
        };
        if (state.to_return > 0) state.return_to_payer(at);
        state.settle_if_done(at);
    }

    /// Returns to the payer what arbiters reversed, whether or not the recipients are paid.
    public entry fun return_reversed(batch: Object<Batch>) acquires Batch {
        let at = object::object_address(&batch);
        let state = borrow_global_mut<Batch>(at);
        assert!(state.to_return > 0, error::invalid_state(E_NOTHING_TO_RETURN));
        state.return_to_payer(at);
        state.settle_if_done(at);
    }

    /// Returns to the payer what somebody sent to the address of a batch that has come to its end.
    public entry fun sweep(batch: Object<Batch>) acquires Batch {
        let at = object::object_address(&batch);
        let state = borrow_global_mut<Batch>(at);
        assert!(state.state >= STATE_SETTLED, error::invalid_state(E_NOT_ENDED));
        state.to_return = primary_fungible_store::balance(at, state.asset);
        assert!(state.to_return > 0, error::invalid_state(E_NOTHING_TO_RETURN));
        state.return_to_payer(at);
    }

    // Disputes.

    /// Freezes an executed batch within its window. Only the hash of the evidence goes on chain.
    public entry fun open_dispute(
        by: &signer, batch: Object<Batch>, evidence_hash: vector<u8>
    ) acquires Batch, Rules {
        let account = signer::address_of(by);
        let rules = borrow_global<Rules>(@capp);
        let at = object::object_address(&batch);
        let state = borrow_global_mut<Batch>(at);
        assert!(
            account == state.terms.payer
                || state.terms.recipients.contains(&account)
                || rules.roles.holds(ROLE_SETTLER, by)
                || rules.roles.holds(ROLE_GUARDIAN, by),
            error::permission_denied(E_NOT_PARTY)
        );
        assert!(merkle::is_hash(&evidence_hash), error::invalid_argument(E_HASH_LENGTH));
        assert!(state.state == STATE_EXECUTED, error::invalid_state(E_NOT_EXECUTED));
        let now = timestamp::now_seconds();
        assert!(now < state.window_ends_at, error::invalid_state(E_WINDOW_OVER));
        let resolve_by = now + rules.dispute_limit_secs;
        state.state = STATE_DISPUTED;
        state.dispute.fill(
            Dispute {
                opener: account,
                evidence_hash,
                resolve_by,
                votes_needed: rules.votes_needed,
                votes: vector[]
            }
        );
        event::emit(DisputeOpened { batch: at, opener: account, evidence_hash, resolve_by });
    }

    /// One arbiter's judgement: how much of each payout goes back to the payer, all zeros to let it stand. An
    /// arbiter may judge anew until enough present arbiters say the same, which resolves the dispute.
    public entry fun vote(arbiter: &signer, batch: Object<Batch>, reversals: vector<u64>) acquires Batch, Rules {
        let account = signer::address_of(arbiter);
        let rules = borrow_global<Rules>(@capp);
        assert!(rules.arbiters.contains(&account), error::permission_denied(E_NOT_ARBITER));
        let at = object::object_address(&batch);
        let state = borrow_global_mut<Batch>(at);
        assert!(state.state == STATE_DISPUTED, error::invalid_state(E_NOT_DISPUTED));
        let reversed = state.checked_reversal(&reversals);
        assert!(!state.is_involved(account), error::permission_denied(E_ARBITER_IS_PARTY));
        let dispute = state.dispute.borrow_mut();
        assert!(timestamp::now_seconds() < dispute.resolve_by, error::invalid_state(E_DISPUTE_LAPSED));
        dispute.record_vote(account, reversals);
        event::emit(ArbiterVoted { batch: at, arbiter: account, reversals });
        if (dispute.votes_for(&reversals, &rules.arbiters) >= dispute.votes_needed) {
            state.resolve(at, reversals, reversed);
        }
    }

    // Views.

    #[view]
    public fun batch_address(batch_id: vector<u8>): address {
        let root = object::create_object_address(&@capp, b"capp::settlement");
        object::create_object_address(&root, batch_id)
    }

    #[view]
    public fun batch_exists(batch_id: vector<u8>): bool {
        exists<Batch>(batch_address(batch_id))
    }

    #[view]
    /// 1 proposed, 2 executed, 3 disputed, 4 resolved, 5 settled, 6 expired, 7 cancelled.
    public fun state(batch: Object<Batch>): u8 acquires Batch {
        view_of(&batch).state
    }

    #[view]
    public fun terms(batch: Object<Batch>): Terms acquires Batch {
        view_of(&batch).terms
    }

    #[view]
    /// Merkle root and number of items: what proofs are checked against.
    public fun root_and_count(batch: Object<Batch>): (vector<u8>, u64) acquires Batch {
        let terms = &view_of(&batch).terms;
        (terms.merkle_root, terms.item_count)
    }

    #[view]
    /// SHA-256 over BCS of domain, contract address and terms.
    public fun digest(batch: Object<Batch>): vector<u8> acquires Batch {
        view_of(&batch).digest
    }

    #[view]
    /// The sum of all payouts, and whether it is funded.
    public fun funding(batch: Object<Batch>): (u64, bool) acquires Batch {
        let state = view_of(&batch);
        (state.total, state.funded)
    }

    #[view]
    public fun approvals(batch: Object<Batch>): vector<address> acquires Batch {
        view_of(&batch).approvals
    }

    #[view]
    /// Whether `execute` would find nothing missing at this moment.
    public fun is_executable(batch: Object<Batch>): bool acquires Batch, Rules {
        let state = view_of(&batch);
        let rules = borrow_global<Rules>(@capp);
        state.state == STATE_PROPOSED
            && !rules.paused
            && state.funded
            && timestamp::now_seconds() < state.terms.deadline
            && rules.approvals_that_count(&state.approvals) >= state.terms.approvals_needed
    }

    #[view]
    /// Whether payouts may be made at this moment.
    public fun is_payable(batch: Object<Batch>): bool acquires Batch {
        view_of(&batch).may_be_paid()
    }

    #[view]
    /// Second of execution and second at which the dispute window ends; zeros before execution.
    public fun execution(batch: Object<Batch>): (u64, u64) acquires Batch {
        let state = view_of(&batch);
        (state.executed_at, state.window_ends_at)
    }

    #[view]
    /// For each recipient in order: paid, and reversed.
    public fun payouts(batch: Object<Batch>): (vector<bool>, vector<u64>) acquires Batch {
        let state = view_of(&batch);
        (state.paid, state.reversals)
    }

    #[view]
    /// Opener, evidence hash, second until which it can be resolved, votes cast. Zeros without a dispute.
    public fun dispute(batch: Object<Batch>): (address, vector<u8>, u64, u64) acquires Batch {
        let state = view_of(&batch);
        if (state.dispute.is_none()) return (@0x0, vector[], 0, 0);
        let dispute = state.dispute.borrow();
        (dispute.opener, dispute.evidence_hash, dispute.resolve_by, dispute.votes.length())
    }

    #[view]
    /// Whether a leaf hash stands at a place of the batch's tree.
    public fun verify_leaf(
        batch: Object<Batch>, leaf: vector<u8>, index: u64, path: vector<vector<u8>>
    ): bool acquires Batch {
        let terms = &view_of(&batch).terms;
        merkle::verify(leaf, index, terms.item_count, &path, &terms.merkle_root)
    }

    #[view]
    /// Whether a leg of a payment (1 collection, 2 payout) stands in the batch with this amount and currency.
    public fun verify_item(
        batch: Object<Batch>,
        payment_id: vector<u8>,
        leg: u8,
        amount_minor: u64,
        currency: vector<u8>,
        index: u64,
        path: vector<vector<u8>>
    ): bool acquires Batch {
        if (payment_id.length() != 16 || currency.length() != 3) return false;
        let leaf = leaf_of(view_of(&batch).terms.batch_id, payment_id, leg, amount_minor, currency);
        verify_leaf(batch, leaf, index, path)
    }

    #[view]
    /// The approvers, and how many of them a batch needs at least.
    public fun approvers(): (vector<address>, u64) acquires Rules {
        let rules = borrow_global<Rules>(@capp);
        (rules.approvers, rules.approvals_min)
    }

    #[view]
    /// The arbiters, and how many of them must agree.
    public fun arbiters(): (vector<address>, u64) acquires Rules {
        let rules = borrow_global<Rules>(@capp);
        (rules.arbiters, rules.votes_needed)
    }

    #[view]
    /// Shortest dispute window, and time after which a dispute lapses, in seconds.
    public fun dispute_rules(): (u64, u64) acquires Rules {
        let rules = borrow_global<Rules>(@capp);
        (rules.dispute_window_min_secs, rules.dispute_limit_secs)
    }

    #[view]
    /// The cap of one batch in the asset; zero where it is not allowed.
    public fun batch_cap(asset: Object<Metadata>): u64 acquires Rules {
        borrow_global<Rules>(@capp).cap_of(object::object_address(&asset))
    }

    #[view]
    public fun is_paused(): bool acquires Rules {
        borrow_global<Rules>(@capp).paused
    }

    #[view]
    /// 0 administrator, 1 settlement, 2 guardian.
    public fun role_holder(role: u64): address acquires Rules {
        borrow_global<Rules>(@capp).roles.holder(role)
    }

    #[view]
    public fun role_nominee(role: u64): Option<address> acquires Rules {
        borrow_global<Rules>(@capp).roles.nominee(role)
    }

    // Rules.

    inline fun view_of(batch: &Object<Batch>): &Batch acquires Batch {
        borrow_global<Batch>(object::object_address(batch))
    }

    inline fun rules_for_admin(admin: &signer): &mut Rules acquires Rules {
        let rules = borrow_global_mut<Rules>(@capp);
        assert!(rules.roles.holds(ROLE_ADMIN, admin), error::permission_denied(E_NOT_ADMIN));
        rules
    }

    fun assert_settler(self: &Rules, account: &signer) {
        assert!(self.roles.holds(ROLE_SETTLER, account), error::permission_denied(E_NOT_SETTLER));
    }

    fun assert_running(self: &Rules) {
        assert!(!self.paused, error::invalid_state(E_PAUSED));
    }

    fun assert_signer_set(signers: &vector<address>, needed: u64) {
        let count = signers.length();
        assert!(count <= SIGNERS_MAX, error::invalid_argument(E_TOO_MANY_SIGNERS));
        assert!(needed > 0 && needed <= count, error::invalid_argument(E_THRESHOLD));
        assert!(are_distinct(signers), error::invalid_argument(E_DUPLICATE_SIGNER));
    }

    fun are_distinct(accounts: &vector<address>): bool {
        for (i in 0..accounts.length()) {
            let (_, first) = accounts.index_of(&accounts[i]);
            if (first != i) return false;
        };
        true
    }

    fun cap_of(self: &Rules, asset: address): u64 {
        if (self.batch_caps.contains(asset)) *self.batch_caps.borrow(asset) else 0
    }

    /// Holds the terms against the rules and answers the sum of the amounts.
    fun checked_total(self: &Rules, terms: &Terms): u64 {
        assert!(terms.batch_id.length() == 16, error::invalid_argument(E_BATCH_ID_LENGTH));
        assert!(merkle::is_hash(&terms.merkle_root), error::invalid_argument(E_HASH_LENGTH));
        assert!(terms.item_count > 0, error::invalid_argument(E_NO_ITEMS));
        assert!(
            terms.approvals_needed >= self.approvals_min && terms.approvals_needed <= self.approvers.length(),
            error::invalid_argument(E_APPROVALS_NEEDED)
        );
        let now = timestamp::now_seconds();
        assert!(
            terms.deadline > now && terms.deadline <= now + DEADLINE_SECS_MAX,
            error::invalid_argument(E_DEADLINE)
        );
        assert!(
            terms.dispute_window_secs >= self.dispute_window_min_secs
                && terms.dispute_window_secs <= DISPUTE_WINDOW_SECS_MAX,
            error::invalid_argument(E_DISPUTE_WINDOW)
        );
        let total = payouts_total(terms);
        let cap = self.cap_of(terms.asset);
        assert!(cap > 0, error::permission_denied(E_ASSET_NOT_ALLOWED));
        assert!(total <= (cap as u128), error::resource_exhausted(E_BATCH_CAP));
        (total as u64)
    }

    fun payouts_total(terms: &Terms): u128 {
        let count = terms.recipients.length();
        assert!(count > 0 && count <= RECIPIENTS_MAX, error::invalid_argument(E_RECIPIENT_COUNT));
        assert!(count == terms.amounts.length(), error::invalid_argument(E_LENGTH_MISMATCH));
        assert!(
            are_distinct(&terms.recipients) && !terms.recipients.contains(&terms.payer),
            error::invalid_argument(E_BAD_RECIPIENT)
        );
        let total: u128 = 0;
        for (i in 0..count) {
            assert!(terms.amounts[i] > 0, error::invalid_argument(E_ZERO_AMOUNT));
            total += (terms.amounts[i] as u128);
        };
        total
    }

    fun digest_of(terms: &Terms): vector<u8> {
        hash::sha2_256(bcs::to_bytes(&Binding { domain: DIGEST_DOMAIN, contract: @capp, terms: *terms }))
    }

    /// The hash of a settlement item: batch id (16 bytes), payment id (16), leg (1), amount in minor units (8,
    /// big-endian), currency (3).
    fun leaf_of(
        batch_id: vector<u8>, payment_id: vector<u8>, leg: u8, amount_minor: u64, currency: vector<u8>
    ): vector<u8> {
        let bytes = batch_id;
        bytes.append(payment_id);
        bytes.push_back(leg);
        let amount = bcs::to_bytes(&amount_minor);
        amount.reverse();
        bytes.append(amount);
        bytes.append(currency);
        merkle::leaf_hash(bytes)
    }

    /// Approvals of those who are approvers still.
    fun approvals_that_count(self: &Rules, approvals: &vector<address>): u64 {
        let count = 0;
        for (i in 0..approvals.length()) {
            if (self.approvers.contains(&approvals[i])) count += 1;
        };
        count
    }

    fun assert_proposed(self: &Batch) {
        assert!(self.state == STATE_PROPOSED, error::invalid_state(E_NOT_PROPOSED));
    }

    fun assert_open_proposal(self: &Batch) {
        self.assert_proposed();
        assert!(timestamp::now_seconds() < self.terms.deadline, error::invalid_state(E_EXPIRED));
    }

    /// What has come to what was `held` must be the whole total.
    fun mark_funded(self: &mut Batch, at: address, held: u64) {
        let arrived = primary_fungible_store::balance(at, self.asset) - held;
        assert!(arrived == self.total, error::invalid_state(E_FUNDED_SHORT));
        self.funded = true;
        event::emit(BatchFunded { batch: at, payer: self.terms.payer, amount: arrived });
    }

    fun assert_fundable(self: &Batch) acquires Rules {
        borrow_global<Rules>(@capp).assert_running();
        self.assert_open_proposal();
        assert!(!self.funded, error::already_exists(E_ALREADY_FUNDED));
    }

    /// Ends a proposal; what was funded goes back.
    fun refund(self: &mut Batch, at: address, state: u8) {
        if (self.funded) {
            self.to_return = self.total;
            self.return_to_payer(at);
        };
        self.end(at, state);
    }

    fun end(self: &mut Batch, at: address, state: u8) {
        self.state = state;
        event::emit(BatchEnded { batch: at, batch_id: self.terms.batch_id, state });
    }

    /// After the window, after a resolution, or when arbiters let the time for one pass.
    fun may_be_paid(self: &Batch): bool {
        let now = timestamp::now_seconds();
        self.state == STATE_RESOLVED
            || (self.state == STATE_EXECUTED && now >= self.window_ends_at)
            || (self.state == STATE_DISPUTED && now >= self.dispute.borrow().resolve_by)
    }

    fun pay_one(self: &mut Batch, at: address, index: u64) {
        let recipient = self.terms.recipients[index];
        let amount = self.terms.amounts[index] - self.reversals[index];
        *self.paid.borrow_mut(index) = true;
        primary_fungible_store::transfer(&self.funds(), self.asset, recipient, amount);
        event::emit(PayoutPaid { batch: at, index, recipient, amount });
    }

    fun return_to_payer(self: &mut Batch, at: address) {
        let amount = self.to_return;
        self.to_return = 0;
        let payer = self.terms.payer;
        if (self.from_pool) {
            let pool = object::address_to_object<Pool>(payer);
            liquidity_pool::repay_asset(pool, primary_fungible_store::withdraw(&self.funds(), self.asset, amount));
        } else {
            primary_fungible_store::transfer(&self.funds(), self.asset, payer, amount);
        };
        event::emit(Returned { batch: at, payer, amount });
    }

    fun funds(self: &Batch): signer {
        object::generate_signer_for_extending(&self.extend)
    }

    fun settle_if_done(self: &mut Batch, at: address) {
        if (self.to_return == 0 && !self.paid.contains(&false)) self.end(at, STATE_SETTLED);
    }

    /// Whether an account had a part in the batch that keeps it from judging a dispute.
    fun is_involved(self: &Batch, account: address): bool {
        account == self.terms.proposer
            || account == self.terms.payer
            || account == self.dispute.borrow().opener
            || self.approvals.contains(&account)
            || self.terms.recipients.contains(&account)
    }

    /// The sum of the reversals, none of which may exceed its payout.
    fun checked_reversal(self: &Batch, reversals: &vector<u64>): u64 {
        let count = self.terms.amounts.length();
        assert!(reversals.length() == count, error::invalid_argument(E_LENGTH_MISMATCH));
        let reversed = 0;
        for (i in 0..count) {
            assert!(reversals[i] <= self.terms.amounts[i], error::invalid_argument(E_REVERSAL_TOO_HIGH));
            reversed += reversals[i];
        };
        reversed
    }

    /// An arbiter's later vote replaces the earlier one.
    fun record_vote(self: &mut Dispute, arbiter: address, reversals: vector<u64>) {
        for (i in 0..self.votes.length()) {
            let vote = &mut self.votes[i];
            if (vote.arbiter == arbiter) {
                vote.reversals = reversals;
                return
            }
        };
        self.votes.push_back(Vote { arbiter, reversals });
    }

    fun votes_for(self: &Dispute, reversals: &vector<u64>, arbiters: &vector<address>): u64 {
        let count = 0;
        for (i in 0..self.votes.length()) {
            let vote = &self.votes[i];
            if (&vote.reversals == reversals && arbiters.contains(&vote.arbiter)) count += 1;
        };
        count
    }

    fun resolve(self: &mut Batch, at: address, reversals: vector<u64>, reversed: u64) {
        for (i in 0..reversals.length()) {
            // Nothing is left to pay where all is reversed.
            if (reversals[i] == self.terms.amounts[i]) *self.paid.borrow_mut(i) = true;
        };
        self.state = STATE_RESOLVED;
        self.reversals = reversals;
        self.to_return = reversed;
        event::emit(DisputeResolved { batch: at, reversals, reversed });
    }

    fun repeated<Element: copy + drop>(element: Element, count: u64): vector<Element> {
        let result = vector[];
        for (i in 0..count) result.push_back(element);
        result
    }

    spec Batch {
        /// One entry of each kind for every recipient.
        invariant len(paid) == len(terms.recipients) && len(reversals) == len(terms.recipients);
        invariant len(terms.amounts) == len(terms.recipients);
        invariant state >= STATE_PROPOSED && state <= STATE_CANCELLED;
        /// No reversal exceeds its payout, and what goes back never exceeds what was funded.
        invariant forall i in 0..len(reversals): reversals[i] <= terms.amounts[i];
        invariant state <= STATE_RESOLVED ==> to_return <= total;
        /// What is past its proposal by execution was funded; what is disputed has a dispute.
        invariant state >= STATE_EXECUTED && state <= STATE_SETTLED ==> funded;
        invariant state == STATE_DISPUTED ==> option::is_some(dispute);
    }

    spec Rules {
        invariant approvals_min > 0 && votes_needed > 0;
        invariant dispute_limit_secs > 0 && dispute_limit_secs <= DISPUTE_LIMIT_SECS_MAX;
    }

    spec execute {
        /// Executed once: from a proposal only, to the executed state only.
        pragma aborts_if_is_partial;
        let at = object::object_address(batch);
        aborts_if global<Batch>(at).state != STATE_PROPOSED;
        aborts_if !global<Batch>(at).funded;
        ensures global<Batch>(at).state == STATE_EXECUTED;
        ensures global<Batch>(at).terms == old(global<Batch>(at)).terms;
    }

    spec approve {
        pragma aborts_if_is_partial;
        let at = object::object_address(batch);
        aborts_if digest != global<Batch>(at).digest;
        ensures len(global<Batch>(at).approvals) == len(old(global<Batch>(at)).approvals) + 1;
    }

    #[test_only]
    public fun init_for_test(publisher: &signer) {
        init_module(publisher);
    }
}
