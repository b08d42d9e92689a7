#[test_only]
/// Hand-over in two steps, as every module has it; driven through the registry.
module capp::roles_tests {
    use std::bcs;
    use std::option;
    use aptos_framework::event;
    use capp::compliance_registry as registry;
    use capp::fixture::{Self, admin, mallory, regulator, signer_of};
    use capp::liquidity_pool;
    use capp::roles::{RoleAccepted, RoleOffered, RoleOfferWithdrawn};
    use capp::settlement;

    const NEXT: address = @0xC1;

    struct Handed has drop {
        scope: u8,
        role: u64,
        first: address,
        second: address
    }

    fun assert_last<Message: drop + store>(events: vector<Message>, expected: Handed) {
        assert!(bcs::to_bytes(&events[events.length() - 1]) == bcs::to_bytes(&expected));
    }

    #[test]
    fun every_role_begins_with_the_publisher_and_was_handed_on() {
        fixture::publish();
        assert!(liquidity_pool::role_holder(0) == @capp);
        assert!(liquidity_pool::role_holder(1) == @0xA1);
        assert!(liquidity_pool::role_holder(2) == @0xA2);
        assert!(liquidity_pool::role_holder(3) == @0xA3);
        assert!(settlement::role_holder(0) == @capp);
        assert!(settlement::role_holder(1) == @0xA1);
        assert!(settlement::role_holder(2) == @0xA2);
        assert!(registry::role_holder(0) == @capp);
        assert!(registry::role_holder(1) == @0xA4);
        assert!(registry::role_holder(2) == @0xA5);
    }

    #[test]
    fun an_offer_changes_nothing_until_it_is_accepted() {
        fixture::publish();
        registry::offer_role(&regulator(), 1, NEXT);
        assert!(registry::role_holder(1) == @0xA4);
        assert!(registry::role_nominee(1) == option::some(NEXT));
        assert_last(event::emitted_events<RoleOffered>(), Handed { scope: 3, role: 1, first: @0xA4, second: NEXT });
        registry::accept_role(&signer_of(NEXT), 1);
        assert!(registry::role_holder(1) == NEXT);
        assert!(registry::role_nominee(1) == option::none());
        assert_last(event::emitted_events<RoleAccepted>(), Handed { scope: 3, role: 1, first: @0xA4, second: NEXT });
    }

    #[test]
    fun the_administrator_may_replace_a_lost_holder() {
        fixture::publish();
        settlement::offer_role(&admin(), 1, NEXT);
        assert!(settlement::role_nominee(1) == option::some(NEXT));
        settlement::accept_role(&signer_of(NEXT), 1);
        assert!(settlement::role_holder(1) == NEXT);
    }

    #[test]
    fun the_administrator_hands_over_too() {
        fixture::publish();
        liquidity_pool::offer_role(&admin(), 0, NEXT);
        assert!(liquidity_pool::role_nominee(0) == option::some(NEXT));
        liquidity_pool::accept_role(&signer_of(NEXT), 0);
        assert!(liquidity_pool::role_holder(0) == NEXT);
    }

    #[test]
    fun a_second_offer_replaces_the_first() {
        fixture::publish();
        settlement::offer_role(&admin(), 2, @0xC2);
        settlement::offer_role(&admin(), 2, NEXT);
        assert!(settlement::role_nominee(2) == option::some(NEXT));
    }

    #[test]
    fun an_offer_can_be_taken_back() {
        fixture::publish();
        liquidity_pool::offer_role(&admin(), 3, NEXT);
        liquidity_pool::withdraw_role_offer(&signer_of(@0xA3), 3);
        assert!(liquidity_pool::role_nominee(3) == option::none());
        assert_last(
            event::emitted_events<RoleOfferWithdrawn>(), Handed { scope: 1, role: 3, first: @0xA3, second: NEXT }
        );
        settlement::offer_role(&admin(), 1, NEXT);
        settlement::withdraw_role_offer(&admin(), 1);
        assert!(settlement::role_nominee(1) == option::none());
    }

    #[test]
    #[expected_failure(abort_code = 0x30004, location = capp::roles)]
    fun what_was_taken_back_cannot_be_accepted() {
        fixture::publish();
        registry::offer_role(&admin(), 2, NEXT);
        registry::withdraw_role_offer(&admin(), 2);
        registry::accept_role(&signer_of(NEXT), 2);
    }

    #[test]
    #[expected_failure(abort_code = 0x30004, location = capp::roles)]
    fun an_offer_is_accepted_once() {
        fixture::publish();
        registry::offer_role(&admin(), 2, NEXT);
        registry::accept_role(&signer_of(NEXT), 2);
        registry::accept_role(&signer_of(NEXT), 2);
    }

    #[test]
    #[expected_failure(abort_code = 0x30004, location = capp::roles)]
    fun there_must_be_an_offer_to_take_back() {
        fixture::publish();
        registry::withdraw_role_offer(&admin(), 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x50005, location = capp::roles)]
    fun nobody_else_accepts() {
        fixture::publish();
        registry::offer_role(&admin(), 1, NEXT);
        registry::accept_role(&mallory(), 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x50002, location = capp::roles)]
    fun strangers_offer_nothing() {
        fixture::publish();
        registry::offer_role(&mallory(), 1, @0xBAD);
    }

    #[test]
    #[expected_failure(abort_code = 0x50002, location = capp::roles)]
    fun the_holder_of_another_role_offers_nothing() {
        fixture::publish();
        settlement::offer_role(&fixture::guardian(), 1, @0xA2);
    }

    #[test]
    #[expected_failure(abort_code = 0x50002, location = capp::roles)]
    fun strangers_take_nothing_back() {
        fixture::publish();
        registry::offer_role(&admin(), 1, NEXT);
        registry::withdraw_role_offer(&mallory(), 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x50002, location = capp::roles)]
    fun the_former_holder_has_no_say() {
        fixture::publish();
        registry::offer_role(&regulator(), 1, NEXT);
        registry::accept_role(&signer_of(NEXT), 1);
        registry::offer_role(&regulator(), 1, @0xA4);
    }

    #[test]
    #[expected_failure(abort_code = 0x10003, location = capp::roles)]
    fun the_holder_is_no_nominee() {
        fixture::publish();
        registry::offer_role(&admin(), 1, @0xA4);
    }

    #[test]
    #[expected_failure(abort_code = 0x10001, location = capp::roles)]
    fun there_is_no_role_beyond_the_last_to_offer() {
        fixture::publish();
        registry::offer_role(&admin(), 3, NEXT);
    }

    #[test]
    #[expected_failure(abort_code = 0x10001, location = capp::roles)]
    fun there_is_no_role_beyond_the_last_to_accept() {
        fixture::publish();
        liquidity_pool::accept_role(&admin(), 4);
    }

    #[test]
    #[expected_failure(abort_code = 0x10001, location = capp::roles)]
    fun there_is_no_role_beyond_the_last_to_read() {
        fixture::publish();
        settlement::role_holder(3);
    }
}
