/// Doubles of the fungible asset modules for unit tests, with the abort codes of Aptos.
module aptos_framework::fungible_asset {
    use std::error;
    use std::option::{Self, Option};
    use std::signer;
    use std::string::String;
    use aptos_framework::object::{Self, ConstructorRef, Object};

    friend aptos_framework::primary_fungible_store;

    const E_STORE_IS_FROZEN: u64 = 3;
    const E_INSUFFICIENT_BALANCE: u64 = 4;
    const E_MAX_SUPPLY_EXCEEDED: u64 = 5;
    const E_NOT_STORE_OWNER: u64 = 8;
    const E_FUNGIBLE_ASSET_AND_STORE_MISMATCH: u64 = 11;

    struct Metadata has key {
        name: String,
        symbol: String,
        decimals: u8,
        icon_uri: String,
        project_uri: String
    }

    struct Supply has key {
        current: u128,
        maximum: Option<u128>
    }

    struct FungibleStore has key {
        metadata: Object<Metadata>,
        balance: u64,
        frozen: bool,
        /// What is lost of every deposit: on Aptos the hook of a dispatchable asset may keep it.
        tax: u64
    }

    struct FungibleAsset {
        metadata: Object<Metadata>,
        amount: u64
    }

    struct MintRef has drop, store {
        metadata: Object<Metadata>
    }

    struct TransferRef has drop, store {
        metadata: Object<Metadata>
    }

    public(friend) fun add_fungibility(
        ref: &ConstructorRef,
        maximum: Option<u128>,
        name: String,
        symbol: String,
        decimals: u8,
        icon_uri: String,
        project_uri: String
    ) {
        let object_signer = object::generate_signer(ref);
        move_to(&object_signer, Metadata { name, symbol, decimals, icon_uri, project_uri });
        move_to(&object_signer, Supply { current: 0, maximum });
    }

    public fun generate_mint_ref(ref: &ConstructorRef): MintRef {
        MintRef { metadata: object::object_from_constructor_ref<Metadata>(ref) }
    }

    public fun generate_transfer_ref(ref: &ConstructorRef): TransferRef {
        TransferRef { metadata: object::object_from_constructor_ref<Metadata>(ref) }
    }

    public fun create_store<T: key>(ref: &ConstructorRef, metadata: Object<T>): Object<FungibleStore> {
        move_to(
            &object::generate_signer(ref),
            FungibleStore { metadata: object::convert(metadata), balance: 0, frozen: false, tax: 0 }
        );
        object::object_from_constructor_ref<FungibleStore>(ref)
    }

    public fun mint(ref: &MintRef, amount: u64): FungibleAsset acquires Supply {
        let supply = borrow_global_mut<Supply>(object::object_address(&ref.metadata));
        supply.current = supply.current + (amount as u128);
        if (option::is_some(&supply.maximum)) {
            assert!(supply.current <= *option::borrow(&supply.maximum), error::out_of_range(E_MAX_SUPPLY_EXCEEDED))
        };
        FungibleAsset { metadata: ref.metadata, amount }
    }

    public fun deposit<T: key>(store: Object<T>, asset: FungibleAsset) acquires FungibleStore {
        let FungibleAsset { metadata, amount } = asset;
        let into = borrow_global_mut<FungibleStore>(object::object_address(&store));
        assert!(into.metadata == metadata, error::invalid_argument(E_FUNGIBLE_ASSET_AND_STORE_MISMATCH));
        assert!(!into.frozen, error::permission_denied(E_STORE_IS_FROZEN));
        into.balance = into.balance + amount - (if (amount < into.tax) amount else into.tax);
    }

    /// No function of Aptos: stands for an asset of which less arrives than was sent.
    public fun tax_deposits<T: key>(store: Object<T>, tax: u64) acquires FungibleStore {
        borrow_global_mut<FungibleStore>(object::object_address(&store)).tax = tax
    }

    public fun withdraw<T: key>(owner: &signer, store: Object<T>, amount: u64): FungibleAsset acquires FungibleStore {
        assert!(
            object::owner(store) == signer::address_of(owner), error::permission_denied(E_NOT_STORE_OWNER)
        );
        let from = borrow_global_mut<FungibleStore>(object::object_address(&store));
        assert!(!from.frozen, error::permission_denied(E_STORE_IS_FROZEN));
        assert!(from.balance >= amount, error::invalid_argument(E_INSUFFICIENT_BALANCE));
        from.balance = from.balance - amount;
        FungibleAsset { metadata: from.metadata, amount }
    }

    public fun set_frozen_flag<T: key>(_ref: &TransferRef, store: Object<T>, frozen: bool) acquires FungibleStore {
        borrow_global_mut<FungibleStore>(object::object_address(&store)).frozen = frozen
    }

    public fun transfer_ref_metadata(ref: &TransferRef): Object<Metadata> {
        ref.metadata
    }

    public fun amount(asset: &FungibleAsset): u64 {
        asset.amount
    }

    public fun metadata_from_asset(asset: &FungibleAsset): Object<Metadata> {
        asset.metadata
    }

    #[view]
    public fun balance<T: key>(store: Object<T>): u64 acquires FungibleStore {
        borrow_global<FungibleStore>(object::object_address(&store)).balance
    }
}

module aptos_framework::primary_fungible_store {
    use std::option::Option;
    use std::signer;
    use std::string::String;
    use aptos_framework::fungible_asset::{Self, FungibleAsset, FungibleStore, TransferRef};
    use aptos_framework::object::{Self, ConstructorRef, Object};

    public fun create_primary_store_enabled_fungible_asset(
        ref: &ConstructorRef,
        maximum: Option<u128>,
        name: String,
        symbol: String,
        decimals: u8,
        icon_uri: String,
        project_uri: String
    ) {
        fungible_asset::add_fungibility(ref, maximum, name, symbol, decimals, icon_uri, project_uri);
    }

    #[view]
    public fun primary_store_address<T: key>(owner: address, metadata: Object<T>): address {
        object::create_user_derived_object_address(owner, object::object_address(&metadata))
    }

    #[view]
    public fun primary_store_exists<T: key>(owner: address, metadata: Object<T>): bool {
        object::object_exists<FungibleStore>(primary_store_address(owner, metadata))
    }

    public fun ensure_primary_store_exists<T: key>(owner: address, metadata: Object<T>): Object<FungibleStore> {
        if (primary_store_exists(owner, metadata)) {
            object::address_to_object<FungibleStore>(primary_store_address(owner, metadata))
        } else {
            let ref = object::create_user_derived_object(owner, object::object_address(&metadata));
            fungible_asset::create_store(&ref, metadata)
        }
    }

    #[view]
    public fun balance<T: key>(owner: address, metadata: Object<T>): u64 {
        if (primary_store_exists(owner, metadata)) {
            fungible_asset::balance(
                object::address_to_object<FungibleStore>(primary_store_address(owner, metadata))
            )
        } else 0
    }

    public fun deposit(owner: address, asset: FungibleAsset) {
        let metadata = fungible_asset::metadata_from_asset(&asset);
        fungible_asset::deposit(ensure_primary_store_exists(owner, metadata), asset)
    }

    public fun withdraw<T: key>(owner: &signer, metadata: Object<T>, amount: u64): FungibleAsset {
        fungible_asset::withdraw(owner, ensure_primary_store_exists(signer::address_of(owner), metadata), amount)
    }

    public entry fun transfer<T: key>(sender: &signer, metadata: Object<T>, recipient: address, amount: u64) {
        deposit(recipient, withdraw(sender, metadata, amount))
    }

    public fun set_frozen_flag(ref: &TransferRef, owner: address, frozen: bool) {
        let metadata = fungible_asset::transfer_ref_metadata(ref);
        fungible_asset::set_frozen_flag(ref, ensure_primary_store_exists(owner, metadata), frozen)
    }
}
