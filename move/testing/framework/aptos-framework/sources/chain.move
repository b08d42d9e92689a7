/// Doubles of `aptos_framework` for unit tests: events, time, accounts.
module aptos_framework::event {
    #[test_only]
    use std::vector;

    /// The native behind it bears another name than on Aptos.
    public fun emit<Message: store + drop>(msg: Message) {
        emit_event(&msg)
    }

    native fun emit_event<Message: store + drop>(msg: &Message);

    #[test_only]
    public native fun emitted_events<Message: drop + store>(): vector<Message>;

    #[test_only]
    public fun was_event_emitted<Message: drop + store>(msg: &Message): bool {
        vector::contains(&emitted_events<Message>(), msg)
    }
}

module aptos_framework::timestamp {
    #[test_only]
    use std::error;
    #[test_only]
    use std::signer;

    struct CurrentTimeMicroseconds has key {
        microseconds: u64
    }

    #[view]
    public fun now_microseconds(): u64 acquires CurrentTimeMicroseconds {
        borrow_global<CurrentTimeMicroseconds>(@aptos_framework).microseconds
    }

    #[view]
    public fun now_seconds(): u64 acquires CurrentTimeMicroseconds {
        now_microseconds() / 1000000
    }

    #[test_only]
    public fun set_time_has_started_for_testing(framework: &signer) {
        assert!(signer::address_of(framework) == @aptos_framework, error::permission_denied(3));
        if (!exists<CurrentTimeMicroseconds>(@aptos_framework)) {
            move_to(framework, CurrentTimeMicroseconds { microseconds: 0 })
        }
    }

    #[test_only]
    public fun update_global_time_for_test(microseconds: u64) acquires CurrentTimeMicroseconds {
        let time = borrow_global_mut<CurrentTimeMicroseconds>(@aptos_framework);
        assert!(microseconds > time.microseconds, error::invalid_argument(2));
        time.microseconds = microseconds;
    }

    #[test_only]
    public fun update_global_time_for_test_secs(seconds: u64) acquires CurrentTimeMicroseconds {
        update_global_time_for_test(seconds * 1000000)
    }

    #[test_only]
    public fun fast_forward_seconds(seconds: u64) acquires CurrentTimeMicroseconds {
        update_global_time_for_test(now_microseconds() + seconds * 1000000)
    }
}

module aptos_framework::account {
    friend aptos_framework::object;

    public(friend) native fun create_signer(account: address): signer;

    #[test_only]
    public fun create_signer_for_test(account: address): signer {
        create_signer(account)
    }
}
