/// Liquidity pools: one per fungible asset. Providers add the asset against shares; the settlement role
/// reserves, releases and consumes it for payouts and repays what it consumed, with fees; fees belong to the
/// providers in proportion to their shares.
///
/// What holds at all times:
/// - The vault holds `cash + fees_providers + fees_treasury` at least. The books count only what came through
///   the functions below, so a transfer straight to the pool's address moves no share price.
/// - Assets (`cash + outstanding`) belong to the shares. `reserved` is part of `cash`.
/// - A withdrawal asked for cannot be starved: no new reservation touches the worth of pending shares, every
///   reservation expires, anybody may release an expired one, and a pause stops only what takes new risk.
///
/// Amounts are minor units of the asset, times are Unix seconds, `_bps` are hundredths of a percent.
module capp::liquidity_pool {
    use std::bcs;
    use std::error;
    use std::option::Option;
    use std::signer;
    use aptos_std::table::{Self, Table};
    use aptos_framework::event;
    use aptos_framework::fungible_asset::{Self, FungibleAsset, Metadata};
    use aptos_framework::object::{Self, ExtendRef, Object};
    use aptos_framework::primary_fungible_store;
    use aptos_framework::timestamp;
    use capp::roles::{Self, Roles};

    /// Only the administrator may do this.
    const E_NOT_ADMIN: u64 = 1;
    /// Only the settlement role may do this.
    const E_NOT_SETTLER: u64 = 2;
    /// Only the guardian or the administrator may do this.
    const E_NOT_GUARDIAN: u64 = 3;
    /// The pool is paused.
    const E_PAUSED: u64 = 4;
    /// The pool is not paused.
    const E_NOT_PAUSED: u64 = 5;
    /// There is a pool for this asset already.
    const E_POOL_EXISTS: u64 = 6;
    /// An amount or number of shares must be above zero.
    const E_ZERO_AMOUNT: u64 = 7;
    /// The first deposit must exceed the shares that stay locked for ever.
    const E_FIRST_DEPOSIT_TOO_SMALL: u64 = 8;
    /// The deposit would buy fewer shares than the provider asked for at least.
    const E_TOO_FEW_SHARES: u64 = 9;
    /// The shares would bring less than the provider asked for at least.
    const E_TOO_LITTLE_OUT: u64 = 10;
    /// The pool would grow above its cap.
    const E_POOL_CAP: u64 = 11;
    /// The provider's holding would grow above the cap of one provider.
    const E_PROVIDER_CAP: u64 = 12;
    /// Reserved and outstanding together would grow above their cap.
    const E_EXPOSURE_CAP: u64 = 13;
    /// The amount is above the cap of one reservation.
    const E_RESERVATION_CAP: u64 = 14;
    /// The account has no position in this pool.
    const E_NO_POSITION: u64 = 15;
    /// The provider has fewer free shares.
    const E_INSUFFICIENT_SHARES: u64 = 16;
    /// Fewer shares are pending for withdrawal.
    const E_INSUFFICIENT_PENDING: u64 = 17;
    /// The withdrawal delay has not passed.
    const E_WITHDRAWAL_LOCKED: u64 = 18;
    /// The cash is reserved or paid out for settlement; come back when it is released or repaid.
    const E_ILLIQUID: u64 = 19;
    /// The pool has less free liquidity than asked for.
    const E_INSUFFICIENT_LIQUIDITY: u64 = 20;
    /// A reservation id has 1 to 32 bytes.
    const E_RESERVATION_ID_LENGTH: u64 = 21;
    /// The reservation id was used before.
    const E_RESERVATION_EXISTS: u64 = 22;
    /// There is no reservation of this id.
    const E_NO_RESERVATION: u64 = 23;
    /// The reservation was released or consumed before.
    const E_RESERVATION_CLOSED: u64 = 24;
    /// The reservation has expired.
    const E_RESERVATION_EXPIRED: u64 = 25;
    /// The reservation has not expired, and only the settlement role may release it before.
    const E_RESERVATION_LIVE: u64 = 26;
    /// More than was reserved.
    const E_ABOVE_RESERVED: u64 = 27;
    /// More than is outstanding.
    const E_ABOVE_OUTSTANDING: u64 = 28;
    /// A share of the fees above the most the treasury may take.
    const E_TREASURY_SHARE_TOO_HIGH: u64 = 29;
    /// A delay above the longest one allowed.
    const E_DELAY_TOO_LONG: u64 = 30;
    /// A reservation must live at least a second and at most the longest time allowed.
    const E_RESERVATION_TIME: u64 = 31;
    /// There is nothing to claim.
    const E_NOTHING_TO_CLAIM: u64 = 32;
    /// Everything the shares stood for was written off; the pool takes no deposits.
    const E_POOL_WORTHLESS: u64 = 33;
    /// The asset given is not the asset of the pool.
    const E_WRONG_ASSET: u64 = 34;

    const ROLE_ADMIN: u64 = 0;
    const ROLE_SETTLER: u64 = 1;
    const ROLE_GUARDIAN: u64 = 2;
    const ROLE_TREASURY: u64 = 3;
    const ROLE_COUNT: u64 = 4;
    const ROLE_SCOPE: u8 = 1;

    const RESERVATION_OPEN: u8 = 1;
    const RESERVATION_RELEASED: u8 = 2;
    const RESERVATION_CONSUMED: u8 = 3;

    /// Shares of the first deposit that nobody ever owns: they make it dear to move the share price from a
    /// nearly empty pool.
    const LOCKED_SHARES: u128 = 1000;
    const BPS: u64 = 10000;
    const TREASURY_SHARE_BPS_MAX: u64 = 5000;
    const WITHDRAWAL_DELAY_SECS_MAX: u64 = 2592000; // 30 days
    const RESERVATION_SECS_MAX: u64 = 604800; // 7 days
    const U64_MAX: u64 = 18446744073709551615;
    /// Fees per share are kept in units of 2^-64.
    const FEE_SCALE: u256 = 18446744073709551616;

    /// Roles of all pools, and the object that owns them.
    struct Authority has key {
        roles: Roles,
        extend: ExtendRef
    }

    struct Limits has copy, drop, store {
        /// Most that cash and outstanding may come to by deposits.
        pool_cap: u64,
        /// Most that one provider's shares may be worth after a deposit.
        provider_cap: u64,
        /// Most that reserved and outstanding may come to together.
        exposure_cap: u64,
        /// Most that one reservation may be.
        reservation_cap: u64
    }

    struct Terms has copy, drop, store {
        withdrawal_delay_secs: u64,
        reservation_secs: u64,
        treasury_share_bps: u64
    }

    struct Pool has key {
        asset: Object<Metadata>,
        extend: ExtendRef,
        limits: Limits,
        terms: Terms,
        paused: bool,
        /// Principal in the vault; `reserved` of it is promised to settlement.
        cash: u64,
        reserved: u64,
        /// Principal that settlement paid out and has not repaid.
        outstanding: u64,
        /// All shares, the locked ones included; `shares_pending` of them wait for withdrawal.
        shares: u128,
        shares_pending: u128,
        /// Fees per live share since the beginning, scaled; what a division left over is carried on.
        fee_per_share: u256,
        fee_carry: u256,
        /// Fees in the vault that providers and the treasury have not claimed.
        fees_providers: u64,
        fees_treasury: u64,
        positions: Table<address, Position>,
        reservations: Table<vector<u8>, Reservation>
    }

    struct Position has store {
        /// Free shares; `pending` ones wait for withdrawal until `unlocks_at`.
        shares: u128,
        pending: u128,
        unlocks_at: u64,
        /// `fee_per_share` up to which fees were credited to `fees`.
        checkpoint: u256,
        fees: u64
    }

    struct Reservation has copy, drop, store {
        state: u8,
        amount: u64,
        expires_at: u64
    }

    #[event]
    struct PoolCreated has drop, store {
        pool: address,
        asset: address,
        limits: Limits,
        terms: Terms
    }

    #[event]
    struct LimitsChanged has drop, store {
        pool: address,
        limits: Limits
    }

    #[event]
    struct TermsChanged has drop, store {
        pool: address,
        terms: Terms
    }

    #[event]
    struct PauseChanged has drop, store {
        pool: address,
        paused: bool,
        by: address
    }

    #[event]
    struct Deposited has drop, store {
        pool: address,
        provider: address,
        amount: u64,
        shares: u128
    }

    #[event]
    struct WithdrawalRequested has drop, store {
        pool: address,
        provider: address,
        shares: u128,
        unlocks_at: u64
    }

    #[event]
    struct WithdrawalCancelled has drop, store {
        pool: address,
        provider: address,
        shares: u128
    }

    #[event]
    struct Withdrawn has drop, store {
        pool: address,
        provider: address,
        amount: u64,
        shares: u128
    }

    #[event]
    struct Reserved has drop, store {
        pool: address,
        id: vector<u8>,
        amount: u64,
        expires_at: u64
    }

    #[event]
    struct Released has drop, store {
        pool: address,
        id: vector<u8>,
        amount: u64
    }

    #[event]
    struct Consumed has drop, store {
        pool: address,
        id: vector<u8>,
        amount: u64,
        recipient: address
    }

    #[event]
    struct Repaid has drop, store {
        pool: address,
        principal: u64,
        fee: u64
    }

    #[event]
    struct FeesAccrued has drop, store {
        pool: address,
        providers: u64,
        treasury: u64
    }

    #[event]
    struct FeesClaimed has drop, store {
        pool: address,
        claimant: address,
        amount: u64
    }

    #[event]
    struct WrittenOff has drop, store {
        pool: address,
        amount: u64
    }

    /// All roles begin with the publisher.
    fun init_module(publisher: &signer) {
        let root = object::create_named_object(publisher, b"capp::liquidity_pool");
        move_to(
            publisher,
            Authority {
                roles: roles::new(ROLE_SCOPE, signer::address_of(publisher), ROLE_COUNT),
                extend: object::generate_extend_ref(&root)
            }
        );
    }

    // Roles.

    /// First step of a hand-over, by the role's holder or the administrator.
    public entry fun offer_role(by: &signer, role: u64, nominee: address) acquires Authority {
        borrow_global_mut<Authority>(@capp).roles.offer(by, role, nominee);
    }

    public entry fun withdraw_role_offer(by: &signer, role: u64) acquires Authority {
        borrow_global_mut<Authority>(@capp).roles.withdraw_offer(by, role);
    }

    /// Second step, by the nominee.
    public entry fun accept_role(by: &signer, role: u64) acquires Authority {
        borrow_global_mut<Authority>(@capp).roles.accept(by, role);
    }

    // Administration.

    public entry fun create_pool(
        admin: &signer,
        asset: Object<Metadata>,
        pool_cap: u64,
        provider_cap: u64,
        exposure_cap: u64,
        reservation_cap: u64,
        withdrawal_delay_secs: u64,
        reservation_secs: u64,
        treasury_share_bps: u64
    ) acquires Authority {
        assert_admin(admin);
        let limits = Limits { pool_cap, provider_cap, exposure_cap, reservation_cap };
        let terms = checked_terms(withdrawal_delay_secs, reservation_secs, treasury_share_bps);
        assert!(!pool_exists(asset), error::already_exists(E_POOL_EXISTS));
        let root = object::generate_signer_for_extending(&borrow_global<Authority>(@capp).extend);
        let ref = object::create_named_object(&root, bcs::to_bytes(&object::object_address(&asset)));
        let pool = Pool {
            asset,
            extend: object::generate_extend_ref(&ref),
            limits,
            terms,
            paused: false,
            cash: 0,
            reserved: 0,
            outstanding: 0,
            shares: 0,
            shares_pending: 0,
            fee_per_share: 0,
            fee_carry: 0,
            fees_providers: 0,
            fees_treasury: 0,
            positions: table::new(),
            reservations: table::new()
        };
        move_to(&object::generate_signer(&ref), pool);
        event::emit(
            PoolCreated {
                pool: object::address_from_constructor_ref(&ref),
                asset: object::object_address(&asset),
                limits,
                terms
            }
        );
    }

    /// New caps bind what comes; what stands above them stays.
    public entry fun set_limits(
        admin: &signer,
        pool: Object<Pool>,
        pool_cap: u64,
        provider_cap: u64,
        exposure_cap: u64,
        reservation_cap: u64
    ) acquires Authority, Pool {
        assert_admin(admin);
        let limits = Limits { pool_cap, provider_cap, exposure_cap, reservation_cap };
        let at = object::object_address(&pool);
        borrow_global_mut<Pool>(at).limits = limits;
        event::emit(LimitsChanged { pool: at, limits });
    }

    /// New terms bind what comes: a withdrawal asked for and a reservation made keep their times.
    public entry fun set_terms(
        admin: &signer,
        pool: Object<Pool>,
        withdrawal_delay_secs: u64,
        reservation_secs: u64,
        treasury_share_bps: u64
    ) acquires Authority, Pool {
        assert_admin(admin);
        let terms = checked_terms(withdrawal_delay_secs, reservation_secs, treasury_share_bps);
        let at = object::object_address(&pool);
        borrow_global_mut<Pool>(at).terms = terms;
        event::emit(TermsChanged { pool: at, terms });
    }

    /// Stops deposits, reservations and consumption. Withdrawals, releases, repayments and claims go on.
    public entry fun pause(guardian: &signer, pool: Object<Pool>) acquires Authority, Pool {
        let roles = &borrow_global<Authority>(@capp).roles;
        assert!(
            roles.holds(ROLE_GUARDIAN, guardian) || roles.holds(ROLE_ADMIN, guardian),
            error::permission_denied(E_NOT_GUARDIAN)
        );
        let at = object::object_address(&pool);
        let state = borrow_global_mut<Pool>(at);
        state.assert_running();
        state.paused = true;
        event::emit(PauseChanged { pool: at, paused: true, by: signer::address_of(guardian) });
    }

    /// Only the administrator ends a pause.
    public entry fun resume(admin: &signer, pool: Object<Pool>) acquires Authority, Pool {
        assert_admin(admin);
        let at = object::object_address(&pool);
        let state = borrow_global_mut<Pool>(at);
        assert!(state.paused, error::invalid_state(E_NOT_PAUSED));
        state.paused = false;
        event::emit(PauseChanged { pool: at, paused: false, by: signer::address_of(admin) });
    }

    /// Gives up principal that will not come back; all shares bear it alike.
    public entry fun write_off(admin: &signer, pool: Object<Pool>, amount: u64) acquires Authority, Pool {
        assert_admin(admin);
        assert_positive(amount);
        let at = object::object_address(&pool);
        let state = borrow_global_mut<Pool>(at);
        assert!(amount <= state.outstanding, error::invalid_argument(E_ABOVE_OUTSTANDING));
        state.outstanding -= amount;
        event::emit(WrittenOff { pool: at, amount });
    }

    // Providers.

    /// Adds `amount` against at least `min_shares`. Shares are credited for what reaches the vault.
    public entry fun deposit(provider: &signer, pool: Object<Pool>, amount: u64, min_shares: u128) acquires Pool {
        assert_positive(amount);
        let at = object::object_address(&pool);
        let account = signer::address_of(provider);
        let state = borrow_global_mut<Pool>(at);
        state.assert_running();
        let received = take(state.asset, at, primary_fungible_store::withdraw(provider, state.asset, amount));
        let is_first = state.shares == 0;
        let minted = state.shares_for_deposit(received);
        assert!(minted > 0 && minted >= min_shares, error::invalid_argument(E_TOO_FEW_SHARES));
        assert!(
            (state.assets() as u128) + (received as u128) <= (state.limits.pool_cap as u128),
            error::resource_exhausted(E_POOL_CAP)
        );
        if (is_first) state.shares = LOCKED_SHARES;
        state.shares += minted;
        state.cash += received;
        state.credit_fees(account);
        let position = state.positions.borrow_mut(account);
        position.shares += minted;
        let held = position.shares + position.pending;
        assert!(
            state.amount_for(held) <= state.limits.provider_cap, error::resource_exhausted(E_PROVIDER_CAP)
        );
        event::emit(Deposited { pool: at, provider: account, amount: received, shares: minted });
    }

    /// Puts shares aside for withdrawal: from now on they are not lent and earn no fees. The delay begins anew
    /// for all that the provider has pending.
    public entry fun request_withdrawal(provider: &signer, pool: Object<Pool>, shares: u128) acquires Pool {
        assert!(shares > 0, error::invalid_argument(E_ZERO_AMOUNT));
        let at = object::object_address(&pool);
        let account = signer::address_of(provider);
        let state = borrow_global_mut<Pool>(at);
        state.assert_position(account);
        state.credit_fees(account);
        let unlocks_at = timestamp::now_seconds() + state.terms.withdrawal_delay_secs;
        let position = state.positions.borrow_mut(account);
        assert!(shares <= position.shares, error::invalid_argument(E_INSUFFICIENT_SHARES));
        position.shares -= shares;
        position.pending += shares;
        position.unlocks_at = unlocks_at;
        state.shares_pending += shares;
        event::emit(WithdrawalRequested { pool: at, provider: account, shares, unlocks_at });
    }

    /// Makes all pending shares free ones again.
    public entry fun cancel_withdrawal(provider: &signer, pool: Object<Pool>) acquires Pool {
        let at = object::object_address(&pool);
        let account = signer::address_of(provider);
        let state = borrow_global_mut<Pool>(at);
        state.assert_position(account);
        state.credit_fees(account);
        let position = state.positions.borrow_mut(account);
        let shares = position.pending;
        assert!(shares > 0, error::invalid_state(E_INSUFFICIENT_PENDING));
        position.shares += shares;
        position.pending = 0;
        state.shares_pending -= shares;
        event::emit(WithdrawalCancelled { pool: at, provider: account, shares });
    }

    /// Burns pending shares after their delay for at least `min_amount`, a pause notwithstanding. When cash is
    /// short, fewer shares may be withdrawn now and the rest later.
    public entry fun withdraw(
        provider: &signer, pool: Object<Pool>, shares: u128, min_amount: u64
    ) acquires Pool {
        assert!(shares > 0, error::invalid_argument(E_ZERO_AMOUNT));
        let at = object::object_address(&pool);
        let account = signer::address_of(provider);
        let state = borrow_global_mut<Pool>(at);
        state.assert_position(account);
        let position = state.positions.borrow(account);
        assert!(shares <= position.pending, error::invalid_state(E_INSUFFICIENT_PENDING));
        assert!(timestamp::now_seconds() >= position.unlocks_at, error::invalid_state(E_WITHDRAWAL_LOCKED));
        let amount = state.amount_for(shares);
        assert!(amount >= min_amount, error::invalid_argument(E_TOO_LITTLE_OUT));
        assert!(amount <= state.cash - state.reserved, error::unavailable(E_ILLIQUID));
        let position = state.positions.borrow_mut(account);
        position.pending -= shares;
        state.shares_pending -= shares;
        state.shares -= shares;
        state.cash -= amount;
        state.pay(account, amount);
        event::emit(Withdrawn { pool: at, provider: account, amount, shares });
    }

    /// Pays a provider the fees credited so far, a pause notwithstanding.
    public entry fun claim_fees(provider: &signer, pool: Object<Pool>) acquires Pool {
        let at = object::object_address(&pool);
        let account = signer::address_of(provider);
        let state = borrow_global_mut<Pool>(at);
        state.assert_position(account);
        state.credit_fees(account);
        let position = state.positions.borrow_mut(account);
        let amount = position.fees;
        assert!(amount > 0, error::invalid_state(E_NOTHING_TO_CLAIM));
        position.fees = 0;
        state.fees_providers -= amount;
        state.pay(account, amount);
        event::emit(FeesClaimed { pool: at, claimant: account, amount });
    }

    /// Pays the treasury role its part of the fees; anybody may ask for it.
    public entry fun pay_treasury(pool: Object<Pool>) acquires Authority, Pool {
        let treasury = role_holder(ROLE_TREASURY);
        let at = object::object_address(&pool);
        let state = borrow_global_mut<Pool>(at);
        let amount = state.fees_treasury;
        assert!(amount > 0, error::invalid_state(E_NOTHING_TO_CLAIM));
        state.fees_treasury = 0;
        state.pay(treasury, amount);
        event::emit(FeesClaimed { pool: at, claimant: treasury, amount });
    }

    // Settlement.

    /// Promises `amount` to a payout under an id that is used once. The worth of pending withdrawals is not
    /// there to be promised.
    public entry fun reserve(settler: &signer, pool: Object<Pool>, id: vector<u8>, amount: u64) acquires Authority, Pool {
        assert_settler(settler);
        assert_positive(amount);
        let length = id.length();
        assert!(length > 0 && length <= 32, error::invalid_argument(E_RESERVATION_ID_LENGTH));
        let at = object::object_address(&pool);
        let state = borrow_global_mut<Pool>(at);
        state.assert_running();
        assert!(!state.reservations.contains(id), error::already_exists(E_RESERVATION_EXISTS));
        assert!(amount <= state.limits.reservation_cap, error::resource_exhausted(E_RESERVATION_CAP));
        assert!(
            (state.reserved as u128) + (state.outstanding as u128) + (amount as u128)
                <= (state.limits.exposure_cap as u128),
            error::resource_exhausted(E_EXPOSURE_CAP)
        );
        assert!(amount <= state.free_liquidity(), error::resource_exhausted(E_INSUFFICIENT_LIQUIDITY));
        let expires_at = timestamp::now_seconds() + state.terms.reservation_secs;
        state.reservations.add(id, Reservation { state: RESERVATION_OPEN, amount, expires_at });
        state.reserved += amount;
        event::emit(Reserved { pool: at, id, amount, expires_at });
    }

    /// Gives a reservation back. The settlement role may at any time, anybody once it has expired.
    public entry fun release(by: &signer, pool: Object<Pool>, id: vector<u8>) acquires Authority, Pool {
        let is_settler = borrow_global<Authority>(@capp).roles.holds(ROLE_SETTLER, by);
        let at = object::object_address(&pool);
        let state = borrow_global_mut<Pool>(at);
        let reservation = state.open_reservation(id);
        assert!(
            is_settler || timestamp::now_seconds() >= reservation.expires_at,
            error::permission_denied(E_RESERVATION_LIVE)
        );
        reservation.state = RESERVATION_RELEASED;
        let amount = reservation.amount;
        state.reserved -= amount;
        event::emit(Released { pool: at, id, amount });
    }

    /// Pays `amount` of a live reservation to the recipient and releases the rest of it. The amount is
    /// outstanding until it is repaid.
    public entry fun consume(
        settler: &signer, pool: Object<Pool>, id: vector<u8>, amount: u64, recipient: address
    ) acquires Authority, Pool {
        assert_settler(settler);
        assert_positive(amount);
        let at = object::object_address(&pool);
        let state = borrow_global_mut<Pool>(at);
        state.assert_running();
        let reservation = state.open_reservation(id);
        assert!(
            timestamp::now_seconds() < reservation.expires_at, error::invalid_state(E_RESERVATION_EXPIRED)
        );
        let reserved = reservation.amount;
        assert!(amount <= reserved, error::invalid_argument(E_ABOVE_RESERVED));
        reservation.state = RESERVATION_CONSUMED;
        reservation.amount = amount;
        state.reserved -= reserved;
        state.cash -= amount;
        state.outstanding += amount;
        state.pay(recipient, amount);
        event::emit(Consumed { pool: at, id, amount, recipient });
        if (reserved > amount) event::emit(Released { pool: at, id, amount: reserved - amount });
    }

    /// Brings back consumed principal, with a fee for the providers. Anybody may.
    public entry fun repay(payer: &signer, pool: Object<Pool>, principal: u64, fee: u64) acquires Pool {
        let at = object::object_address(&pool);
        let state = borrow_global_mut<Pool>(at);
        assert!(principal > 0 || fee > 0, error::invalid_argument(E_ZERO_AMOUNT));
        assert!(principal <= state.outstanding, error::invalid_argument(E_ABOVE_OUTSTANDING));
        let asset = primary_fungible_store::withdraw(payer, state.asset, principal + fee);
        let received = take(state.asset, at, asset);
        state.book_repayment(at, principal, received);
    }

    /// Takes an asset back that settlement had from the pool: against what is outstanding first, the rest as a fee.
    package fun repay_asset(pool: Object<Pool>, asset: FungibleAsset) acquires Pool {
        let at = object::object_address(&pool);
        let state = borrow_global_mut<Pool>(at);
        assert!(
            fungible_asset::metadata_from_asset(&asset) == state.asset, error::invalid_argument(E_WRONG_ASSET)
        );
        let received = take(state.asset, at, asset);
        state.book_repayment(at, state.outstanding, received);
    }

    // Views.

    #[view]
    public fun pool_address(asset: Object<Metadata>): address {
        let root = object::create_object_address(&@capp, b"capp::liquidity_pool");
        object::create_object_address(&root, bcs::to_bytes(&object::object_address(&asset)))
    }

    #[view]
    public fun pool_exists(asset: Object<Metadata>): bool {
        exists<Pool>(pool_address(asset))
    }

    #[view]
    public fun asset(pool: Object<Pool>): Object<Metadata> acquires Pool {
        view_of(&pool).asset
    }

    #[view]
    /// Cash, reserved, outstanding.
    public fun balances(pool: Object<Pool>): (u64, u64, u64) acquires Pool {
        let state = view_of(&pool);
        (state.cash, state.reserved, state.outstanding)
    }

    #[view]
    /// All shares with the locked ones, and those pending for withdrawal.
    public fun shares(pool: Object<Pool>): (u128, u128) acquires Pool {
        let state = view_of(&pool);
        (state.shares, state.shares_pending)
    }

    #[view]
    /// Fees that wait for providers and for the treasury.
    public fun fees(pool: Object<Pool>): (u64, u64) acquires Pool {
        let state = view_of(&pool);
        (state.fees_providers, state.fees_treasury)
    }

    #[view]
    /// Pool, provider, exposure and reservation cap.
    public fun limits(pool: Object<Pool>): (u64, u64, u64, u64) acquires Pool {
        let limits = view_of(&pool).limits;
        (limits.pool_cap, limits.provider_cap, limits.exposure_cap, limits.reservation_cap)
    }

    #[view]
    /// Withdrawal delay and reservation life in seconds, treasury's share of fees in bps.
    public fun terms(pool: Object<Pool>): (u64, u64, u64) acquires Pool {
        let terms = view_of(&pool).terms;
        (terms.withdrawal_delay_secs, terms.reservation_secs, terms.treasury_share_bps)
    }

    #[view]
    public fun is_paused(pool: Object<Pool>): bool acquires Pool {
        view_of(&pool).paused
    }

    #[view]
    /// What may be reserved at this moment, caps aside.
    public fun available(pool: Object<Pool>): u64 acquires Pool {
        view_of(&pool).free_liquidity()
    }

    #[view]
    /// Free shares, pending shares, the second at which these unlock, fees to claim. Zeros for strangers.
    public fun position(pool: Object<Pool>, provider: address): (u128, u128, u64, u64) acquires Pool {
        let state = view_of(&pool);
        if (!state.positions.contains(provider)) return (0, 0, 0, 0);
        let position = state.positions.borrow(provider);
        (position.shares, position.pending, position.unlocks_at, position.fees_at(state.fee_per_share))
    }

    #[view]
    /// Shares that a deposit of the amount would buy now.
    public fun quote_deposit(pool: Object<Pool>, amount: u64): u128 acquires Pool {
        view_of(&pool).shares_for_deposit(amount)
    }

    #[view]
    /// What the shares are worth now.
    public fun quote_withdrawal(pool: Object<Pool>, shares: u128): u64 acquires Pool {
        view_of(&pool).amount_for(shares)
    }

    #[view]
    /// State (0 unknown, 1 open, 2 released, 3 consumed), amount, second of expiry.
    public fun reservation(pool: Object<Pool>, id: vector<u8>): (u8, u64, u64) acquires Pool {
        let state = view_of(&pool);
        if (!state.reservations.contains(id)) return (0, 0, 0);
        let reservation = state.reservations.borrow(id);
        (reservation.state, reservation.amount, reservation.expires_at)
    }

    #[view]
    /// 0 administrator, 1 settlement, 2 guardian, 3 treasury.
    public fun role_holder(role: u64): address acquires Authority {
        borrow_global<Authority>(@capp).roles.holder(role)
    }

    #[view]
    public fun role_nominee(role: u64): Option<address> acquires Authority {
        borrow_global<Authority>(@capp).roles.nominee(role)
    }

    // Rules.

    inline fun view_of(pool: &Object<Pool>): &Pool acquires Pool {
        borrow_global<Pool>(object::object_address(pool))
    }

    fun assert_admin(account: &signer) acquires Authority {
        assert!(
            borrow_global<Authority>(@capp).roles.holds(ROLE_ADMIN, account), error::permission_denied(E_NOT_ADMIN)
        );
    }

    fun assert_settler(account: &signer) acquires Authority {
        assert!(
            borrow_global<Authority>(@capp).roles.holds(ROLE_SETTLER, account),
            error::permission_denied(E_NOT_SETTLER)
        );
    }

    fun assert_positive(amount: u64) {
        assert!(amount > 0, error::invalid_argument(E_ZERO_AMOUNT));
    }

    fun assert_running(self: &Pool) {
        assert!(!self.paused, error::invalid_state(E_PAUSED));
    }

    fun assert_position(self: &Pool, account: address) {
        assert!(self.positions.contains(account), error::not_found(E_NO_POSITION));
    }

    fun checked_terms(withdrawal_delay_secs: u64, reservation_secs: u64, treasury_share_bps: u64): Terms {
        assert!(
            withdrawal_delay_secs <= WITHDRAWAL_DELAY_SECS_MAX, error::invalid_argument(E_DELAY_TOO_LONG)
        );
        assert!(
            reservation_secs > 0 && reservation_secs <= RESERVATION_SECS_MAX,
            error::invalid_argument(E_RESERVATION_TIME)
        );
        assert!(
            treasury_share_bps <= TREASURY_SHARE_BPS_MAX, error::invalid_argument(E_TREASURY_SHARE_TOO_HIGH)
        );
        Terms { withdrawal_delay_secs, reservation_secs, treasury_share_bps }
    }

    fun open_reservation(self: &mut Pool, id: vector<u8>): &mut Reservation {
        assert!(self.reservations.contains(id), error::not_found(E_NO_RESERVATION));
        let reservation = self.reservations.borrow_mut(id);
        assert!(reservation.state == RESERVATION_OPEN, error::invalid_state(E_RESERVATION_CLOSED));
        reservation
    }

    fun assets(self: &Pool): u64 {
        self.cash + self.outstanding
    }

    /// Rounds down, in favour of those who are in. The first deposit buys a share per unit, less the locked ones.
    fun shares_for_deposit(self: &Pool, amount: u64): u128 {
        if (self.shares == 0) {
            assert!((amount as u128) > LOCKED_SHARES, error::invalid_argument(E_FIRST_DEPOSIT_TOO_SMALL));
            return (amount as u128) - LOCKED_SHARES
        };
        let assets = self.assets();
        assert!(assets > 0, error::invalid_state(E_POOL_WORTHLESS));
        (((amount as u256) * (self.shares as u256) / (assets as u256)) as u128)
    }

    /// Rounds down, in favour of those who stay.
    fun amount_for(self: &Pool, shares: u128): u64 {
        if (self.shares == 0) return 0;
        (((shares as u256) * (self.assets() as u256) / (self.shares as u256)) as u64)
    }

    /// Cash that is neither reserved nor the worth (rounded up) of pending shares.
    fun free_liquidity(self: &Pool): u64 {
        let promised = self.reserved;
        if (self.shares_pending > 0) {
            let product = (self.shares_pending as u256) * (self.assets() as u256);
            let shares = (self.shares as u256);
            promised += (((product + shares - 1) / shares) as u64);
        };
        if (self.cash > promised) self.cash - promised else 0
    }

    /// Opens the position when there is none, and brings its fees up to date. Call before its shares change.
    fun credit_fees(self: &mut Pool, account: address) {
        let checkpoint = self.fee_per_share;
        if (!self.positions.contains(account)) {
            self.positions.add(account, Position { shares: 0, pending: 0, unlocks_at: 0, checkpoint, fees: 0 });
        } else {
            let position = self.positions.borrow_mut(account);
            position.fees = position.fees_at(checkpoint);
            position.checkpoint = checkpoint;
        }
    }

    fun fees_at(self: &Position, fee_per_share: u256): u64 {
        self.fees + (((self.shares as u256) * (fee_per_share - self.checkpoint) / FEE_SCALE) as u64)
    }

    /// Principal first; whatever arrived beyond it is a fee.
    fun book_repayment(self: &mut Pool, at: address, principal_most: u64, received: u64) {
        let principal = if (received < principal_most) received else principal_most;
        let fee = received - principal;
        self.outstanding -= principal;
        self.cash += principal;
        event::emit(Repaid { pool: at, principal, fee });
        if (fee > 0) self.accrue(at, fee);
    }

    /// Splits a fee between treasury and live shares (neither locked nor pending); without live shares all of it
    /// is the treasury's.
    fun accrue(self: &mut Pool, at: address, fee: u64) {
        let idle = LOCKED_SHARES + self.shares_pending;
        let live = if (self.shares > idle) ((self.shares - idle) as u256) else 0;
        let treasury =
            if (live == 0) fee
            else (((fee as u128) * (self.terms.treasury_share_bps as u128) / (BPS as u128)) as u64);
        let providers = fee - treasury;
        if (providers > 0) {
            let scaled = (providers as u256) * FEE_SCALE + self.fee_carry;
            self.fee_per_share += scaled / live;
            self.fee_carry = scaled % live;
            self.fees_providers += providers;
        };
        self.fees_treasury += treasury;
        event::emit(FeesAccrued { pool: at, providers, treasury });
    }

    /// Puts an asset into the vault and says what arrived, which a taxed asset makes less than what was sent.
    fun take(metadata: Object<Metadata>, at: address, asset: FungibleAsset): u64 {
        let before = primary_fungible_store::balance(at, metadata);
        primary_fungible_store::deposit(at, asset);
        primary_fungible_store::balance(at, metadata) - before
    }

    fun pay(self: &Pool, recipient: address, amount: u64) {
        let vault = object::generate_signer_for_extending(&self.extend);
        primary_fungible_store::transfer(&vault, self.asset, recipient, amount);
    }

    spec Pool {
        /// What is promised is there.
        invariant reserved <= cash;
        invariant cash + outstanding <= U64_MAX;
        /// Pending shares are shares; the locked ones are nobody's to withdraw.
        invariant shares_pending <= shares;
        invariant shares == 0 || shares >= LOCKED_SHARES;
    }

    spec Terms {
        invariant withdrawal_delay_secs <= WITHDRAWAL_DELAY_SECS_MAX;
        invariant reservation_secs > 0 && reservation_secs <= RESERVATION_SECS_MAX;
        invariant treasury_share_bps <= TREASURY_SHARE_BPS_MAX;
    }

    spec withdraw {
        /// A pause is no reason to refuse a withdrawal.
        pragma aborts_if_is_partial;
        aborts_if shares == 0;
        let at = object::object_address(pool);
        let post after = global<Pool>(at);
        ensures after.outstanding == old(global<Pool>(at)).outstanding;
        ensures after.cash <= old(global<Pool>(at)).cash;
        ensures after.reserved == old(global<Pool>(at)).reserved;
    }

    spec reserve {
        pragma aborts_if_is_partial;
        let at = object::object_address(pool);
        aborts_if global<Pool>(at).paused;
        ensures global<Pool>(at).cash == old(global<Pool>(at)).cash;
        ensures global<Pool>(at).reserved == old(global<Pool>(at)).reserved + amount;
    }

    #[test_only]
    public fun init_for_test(publisher: &signer) {
        init_module(publisher);
    }
}
