/// Double of `aptos_framework::object` for unit tests. Addresses are derived as on Aptos.
module aptos_framework::object {
    use std::bcs;
    use std::error;
    use std::hash;
    use std::signer;
    use std::vector;
    use aptos_std::from_bcs;
    use aptos_framework::account;

    friend aptos_framework::fungible_asset;
    friend aptos_framework::primary_fungible_store;

    const E_OBJECT_EXISTS: u64 = 1;
    const E_OBJECT_DOES_NOT_EXIST: u64 = 2;
    const E_RESOURCE_DOES_NOT_EXIST: u64 = 7;

    const USER_DERIVED_SCHEME: u8 = 0xFC;
    const NAMED_SCHEME: u8 = 0xFE;

    struct ObjectCore has key {
        owner: address
    }

    struct Object<phantom T> has copy, drop, store {
        inner: address
    }

    struct ConstructorRef has drop {
        self: address
    }

    struct ExtendRef has drop, store {
        self: address
    }

    /// What the address of a user-derived object is the hash of.
    struct UserDerived has drop {
        source: address,
        derived_from: address,
        scheme: u8
    }

    native fun exists_at<T: key>(object: address): bool;

    fun create_at(owner: address, object: address): ConstructorRef {
        assert!(!exists<ObjectCore>(object), error::already_exists(E_OBJECT_EXISTS));
        move_to(&account::create_signer(object), ObjectCore { owner });
        ConstructorRef { self: object }
    }

    public fun create_object_address(source: &address, seed: vector<u8>): address {
        let bytes = bcs::to_bytes(source);
        vector::append(&mut bytes, seed);
        vector::push_back(&mut bytes, NAMED_SCHEME);
        from_bcs::to_address(hash::sha3_256(bytes))
    }

    /// Written as one struct, because every look at a balance comes by here.
    public fun create_user_derived_object_address(source: address, derived_from: address): address {
        let bytes = bcs::to_bytes(&UserDerived { source, derived_from, scheme: USER_DERIVED_SCHEME });
        from_bcs::to_address(hash::sha3_256(bytes))
    }

    public fun create_named_object(creator: &signer, seed: vector<u8>): ConstructorRef {
        let owner = signer::address_of(creator);
        create_at(owner, create_object_address(&owner, seed))
    }

    public(friend) fun create_user_derived_object(creator: address, derive_ref: address): ConstructorRef {
        create_at(creator, create_user_derived_object_address(creator, derive_ref))
    }

    public fun address_to_object<T: key>(object: address): Object<T> {
        assert!(exists<ObjectCore>(object), error::not_found(E_OBJECT_DOES_NOT_EXIST));
        assert!(exists_at<T>(object), error::not_found(E_RESOURCE_DOES_NOT_EXIST));
        Object { inner: object }
    }

    public fun object_from_constructor_ref<T: key>(ref: &ConstructorRef): Object<T> {
        address_to_object<T>(ref.self)
    }

    public fun convert<From: key, To: key>(object: Object<From>): Object<To> {
        address_to_object<To>(object.inner)
    }

    public fun object_address<T: key>(self: &Object<T>): address {
        self.inner
    }

    public fun address_from_constructor_ref(ref: &ConstructorRef): address {
        ref.self
    }

    public fun generate_signer(ref: &ConstructorRef): signer {
        account::create_signer(ref.self)
    }

    public fun generate_extend_ref(ref: &ConstructorRef): ExtendRef {
        ExtendRef { self: ref.self }
    }

    public fun generate_signer_for_extending(ref: &ExtendRef): signer {
        account::create_signer(ref.self)
    }

    #[view]
    public fun object_exists<T: key>(object: address): bool {
        exists<ObjectCore>(object) && exists_at<T>(object)
    }

    #[view]
    public fun owner<T: key>(self: Object<T>): address acquires ObjectCore {
        borrow_global<ObjectCore>(self.inner).owner
    }
}
