#[test_only]
/// What the tests share: a chain with the package published, people, assets, and chance that can be repeated.
module capp::fixture {
    use std::option;
    use std::string;
    use aptos_framework::account;
    use aptos_framework::fungible_asset::{Self, Metadata, MintRef, TransferRef};
    use aptos_framework::object::{Self, Object};
    use aptos_framework::primary_fungible_store;
    use aptos_framework::timestamp;
    use capp::compliance_registry;
    use capp::liquidity_pool::{Self, Pool};
    use capp::settlement;

    const START: u64 = 1700000000;

    struct Refs has key {
        mint: MintRef,
        transfer: TransferRef
    }

    struct Chance has copy, drop {
        state: u64
    }

    public fun admin(): signer {
        signer_of(@capp)
    }

    public fun settler(): signer {
        signer_of(@0xA1)
    }

    public fun guardian(): signer {
        signer_of(@0xA2)
    }

    public fun treasury(): address {
        @0xA3
    }

    public fun regulator(): signer {
        signer_of(@0xA4)
    }

    public fun reporter(): signer {
        signer_of(@0xA5)
    }

    public fun alice(): signer {
        signer_of(@0xB1)
    }

    public fun bob(): signer {
        signer_of(@0xB2)
    }

    public fun mallory(): signer {
        signer_of(@0xBAD)
    }

    public fun signer_of(account: address): signer {
        account::create_signer_for_test(account)
    }

    public fun start_time(): u64 {
        START
    }

    public fun pass(seconds: u64) {
        timestamp::fast_forward_seconds(seconds);
    }

    public fun pass_until(second: u64) {
        timestamp::update_global_time_for_test_secs(second);
    }

    /// A chain whose clock runs, with the package published and every role but the administrator's handed on.
    public fun publish() {
        timestamp::set_time_has_started_for_testing(&signer_of(@aptos_framework));
        timestamp::update_global_time_for_test_secs(START);
        let admin = admin();
        liquidity_pool::init_for_test(&admin);
        settlement::init_for_test(&admin);
        compliance_registry::init_for_test(&admin);
        let roles = vector[@0xA1, @0xA2, @0xA3];
        for (i in 0..3) {
            liquidity_pool::offer_role(&admin, i + 1, roles[i]);
            liquidity_pool::accept_role(&signer_of(roles[i]), i + 1);
        };
        for (i in 0..2) {
            settlement::offer_role(&admin, i + 1, roles[i]);
            settlement::accept_role(&signer_of(roles[i]), i + 1);
        };
        compliance_registry::offer_role(&admin, 1, @0xA4);
        compliance_registry::accept_role(&regulator(), 1);
        compliance_registry::offer_role(&admin, 2, @0xA5);
        compliance_registry::accept_role(&reporter(), 2);
    }

    public fun new_asset(seed: vector<u8>): Object<Metadata> {
        let ref = object::create_named_object(&admin(), seed);
        primary_fungible_store::create_primary_store_enabled_fungible_asset(
            &ref,
            option::none(),
            string::utf8(b"Shilling"),
            string::utf8(b"KES"),
            2,
            string::utf8(b""),
            string::utf8(b"")
        );
        move_to(
            &object::generate_signer(&ref),
            Refs {
                mint: fungible_asset::generate_mint_ref(&ref),
                transfer: fungible_asset::generate_transfer_ref(&ref)
            }
        );
        object::object_from_constructor_ref<Metadata>(&ref)
    }

    public fun mint(asset: Object<Metadata>, to: address, amount: u64) acquires Refs {
        let refs = borrow_global<Refs>(object::object_address(&asset));
        primary_fungible_store::deposit(to, fungible_asset::mint(&refs.mint, amount));
    }

    /// The asset's issuer freezes or thaws somebody's store.
    public fun freeze_store(asset: Object<Metadata>, owner: address, frozen: bool) acquires Refs {
        let refs = borrow_global<Refs>(object::object_address(&asset));
        primary_fungible_store::set_frozen_flag(&refs.transfer, owner, frozen);
    }

    public fun balance(asset: Object<Metadata>, owner: address): u64 {
        primary_fungible_store::balance(owner, asset)
    }

    /// A pool with round limits: cap 1,000,000, one provider 600,000, exposure 500,000, one reservation 200,000,
    /// a day's delay, an hour's reservations, a tenth of the fees to the treasury.
    public fun new_pool(): (Object<Pool>, Object<Metadata>) acquires Refs {
        publish();
        let asset = new_asset(b"KES");
        liquidity_pool::create_pool(
            &admin(), asset, 1000000, 600000, 500000, 200000, 86400, 3600, 1000
        );
        mint(asset, @0xB1, 1000000);
        mint(asset, @0xB2, 1000000);
        mint(asset, @0xA1, 1000000);
        (object::address_to_object<Pool>(liquidity_pool::pool_address(asset)), asset)
    }

    public fun hash_of(text: vector<u8>): vector<u8> {
        std::hash::sha2_256(text)
    }

    /// A linear congruential generator (Knuth's constants); the high half of the state is what is used.
    public fun chance(seed: u64): Chance {
        Chance { state: seed }
    }

    public fun below(self: &mut Chance, bound: u64): u64 {
        let product = (self.state as u128) * 6364136223846793005 + 1442695040888963407;
        self.state = ((product & 0xFFFFFFFFFFFFFFFF) as u64);
        (self.state >> 33) % bound
    }
}
