/// Doubles of `std` for unit tests: only what the contracts and their tests call, with the signatures and
/// abort codes that Aptos publishes.
module std::error {
    public fun canonical(category: u64, reason: u64): u64 {
        (category << 16) + reason
    }

    public fun invalid_argument(reason: u64): u64 {
        canonical(0x1, reason)
    }

    public fun out_of_range(reason: u64): u64 {
        canonical(0x2, reason)
    }

    public fun invalid_state(reason: u64): u64 {
        canonical(0x3, reason)
    }

    public fun permission_denied(reason: u64): u64 {
        canonical(0x5, reason)
    }

    public fun not_found(reason: u64): u64 {
        canonical(0x6, reason)
    }

    public fun already_exists(reason: u64): u64 {
        canonical(0x8, reason)
    }

    public fun resource_exhausted(reason: u64): u64 {
        canonical(0x9, reason)
    }

    public fun unavailable(reason: u64): u64 {
        canonical(0xD, reason)
    }
}

module std::signer {
    native public fun borrow_address(account: &signer): &address;

    public fun address_of(account: &signer): address {
        *borrow_address(account)
    }
}

module std::bcs {
    native public fun to_bytes<Value>(value: &Value): vector<u8>;
}

module std::hash {
    native public fun sha2_256(data: vector<u8>): vector<u8>;
    native public fun sha3_256(data: vector<u8>): vector<u8>;
}

module std::option {
    use std::vector;

    const E_OPTION_IS_SET: u64 = 0x40000;
    const E_OPTION_NOT_SET: u64 = 0x40001;

    /// A vector of at most one element.
    struct Option<Element> has copy, drop, store {
        vec: vector<Element>
    }

    public fun none<Element>(): Option<Element> {
        Option { vec: vector::empty() }
    }

    public fun some<Element>(element: Element): Option<Element> {
        Option { vec: vector::singleton(element) }
    }

    public fun is_none<Element>(self: &Option<Element>): bool {
        vector::is_empty(&self.vec)
    }

    public fun is_some<Element>(self: &Option<Element>): bool {
        !vector::is_empty(&self.vec)
    }

    public fun contains<Element>(self: &Option<Element>, element: &Element): bool {
        vector::contains(&self.vec, element)
    }

    public fun borrow<Element>(self: &Option<Element>): &Element {
        assert!(is_some(self), E_OPTION_NOT_SET);
        vector::borrow(&self.vec, 0)
    }

    public fun borrow_mut<Element>(self: &mut Option<Element>): &mut Element {
        assert!(is_some(self), E_OPTION_NOT_SET);
        vector::borrow_mut(&mut self.vec, 0)
    }

    public fun fill<Element>(self: &mut Option<Element>, element: Element) {
        assert!(is_none(self), E_OPTION_IS_SET);
        vector::push_back(&mut self.vec, element)
    }

    public fun extract<Element>(self: &mut Option<Element>): Element {
        assert!(is_some(self), E_OPTION_NOT_SET);
        vector::pop_back(&mut self.vec)
    }
}

module std::string {
    const E_INVALID_UTF8: u64 = 1;

    struct String has copy, drop, store {
        bytes: vector<u8>
    }

    public fun utf8(bytes: vector<u8>): String {
        assert!(internal_check_utf8(&bytes), E_INVALID_UTF8);
        String { bytes }
    }

    native fun internal_check_utf8(bytes: &vector<u8>): bool;
}

module std::unit_test {
    #[test_only]
    native public fun create_signers_for_testing(count: u64): vector<signer>;
}
