#[test_only]
module capp::registry_tests {
    use std::bcs;
    use aptos_framework::event;
    use capp::compliance_registry::{
        Self as registry,
        Attested,
        AttestationRevoked,
        AuditAnchored,
        IssuerChanged,
        ListPublished,
        ListVoided,
        ReportFiled
    };
    use capp::fixture::{admin, hash_of, mallory, pass, publish, regulator, reporter, signer_of, start_time};
    use capp::merkle;

    const ISSUER: address = @0xF1;
    const YEAR: u64 = 31536000;

    struct AttestedShape has drop {
        subject: vector<u8>,
        issuer: address,
        tier: u8,
        expires_at: u64,
        evidence: vector<u8>
    }

    fun issuer(): signer {
        signer_of(ISSUER)
    }

    fun subject(): vector<u8> {
        hash_of(b"salt and subject")
    }

    /// An issuer that attests up to tier 3.
    fun ready() {
        publish();
        registry::add_issuer(&admin(), ISSUER, 3);
    }

    /// Tier 2 for a year.
    fun attested() {
        ready();
        registry::attest(&issuer(), subject(), 2, start_time() + YEAR, hash_of(b"file"));
    }

    // Issuers.

    #[test]
    fun an_issuer_is_added() {
        ready();
        let (active, tier_max) = registry::issuer(ISSUER);
        assert!(active && tier_max == 3);
        let (active, tier_max) = registry::issuer(@0xBAD);
        assert!(!active && tier_max == 0);
        assert!(event::emitted_events<IssuerChanged>().length() == 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x50001, location = capp::compliance_registry)]
    fun only_the_administrator_adds_issuers() {
        publish();
        registry::add_issuer(&regulator(), ISSUER, 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x80005, location = capp::compliance_registry)]
    fun an_issuer_is_added_once() {
        ready();
        registry::add_issuer(&admin(), ISSUER, 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x10009, location = capp::compliance_registry)]
    fun an_issuer_has_a_tier() {
        publish();
        registry::add_issuer(&admin(), ISSUER, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x10009, location = capp::compliance_registry)]
    fun there_is_no_fifth_tier() {
        publish();
        registry::add_issuer(&admin(), ISSUER, 5);
    }

    #[test]
    fun a_suspended_issuer_vouches_for_nothing_until_it_is_back() {
        attested();
        registry::set_issuer_active(&regulator(), ISSUER, false);
        assert!(!registry::is_attested(subject(), ISSUER, 1));
        registry::set_issuer_active(&regulator(), ISSUER, true);
        assert!(registry::is_attested(subject(), ISSUER, 2));
    }

    #[test]
    #[expected_failure(abort_code = 0x50002, location = capp::compliance_registry)]
    fun only_the_regulator_suspends() {
        ready();
        registry::set_issuer_active(&admin(), ISSUER, false);
    }

    #[test]
    #[expected_failure(abort_code = 0x60006, location = capp::compliance_registry)]
    fun a_stranger_is_not_suspended() {
        publish();
        registry::set_issuer_active(&regulator(), ISSUER, false);
    }

    #[test]
    #[expected_failure(abort_code = 0x30007, location = capp::compliance_registry)]
    fun an_active_issuer_is_not_activated() {
        ready();
        registry::set_issuer_active(&regulator(), ISSUER, true);
    }

    #[test]
    #[expected_failure(abort_code = 0x50004, location = capp::compliance_registry)]
    fun a_suspended_issuer_attests_nothing() {
        ready();
        registry::set_issuer_active(&regulator(), ISSUER, false);
        registry::attest(&issuer(), subject(), 1, start_time() + 1, hash_of(b"file"));
    }

    // Attestations.

    #[test]
    fun an_attestation_says_tier_and_expiry() {
        attested();
        let (tier, issued_at, expires_at, revoked_at, reason) = registry::attestation(subject(), ISSUER);
        assert!(tier == 2 && issued_at == start_time() && expires_at == start_time() + YEAR);
        assert!(revoked_at == 0 && reason == 0);
        assert!(registry::is_attested(subject(), ISSUER, 1) && registry::is_attested(subject(), ISSUER, 2));
        assert!(!registry::is_attested(subject(), ISSUER, 3));
        let events = event::emitted_events<Attested>();
        let shape = AttestedShape {
            subject: subject(), issuer: ISSUER, tier: 2, expires_at, evidence: hash_of(b"file")
        };
        assert!(events.length() == 1 && bcs::to_bytes(&events[0]) == bcs::to_bytes(&shape));
    }

    #[test]
    fun an_unknown_subject_has_no_tier() {
        ready();
        let (tier, _, _, _, _) = registry::attestation(subject(), ISSUER);
        assert!(tier == 0 && !registry::is_attested(subject(), ISSUER, 1));
        assert!(!registry::is_attested(subject(), @0xBAD, 1));
    }

    #[test]
    fun an_attestation_ends_at_its_expiry() {
        attested();
        pass(YEAR - 1);
        assert!(registry::is_attested(subject(), ISSUER, 2));
        pass(1);
        assert!(!registry::is_attested(subject(), ISSUER, 2));
    }

    #[test]
    #[expected_failure(abort_code = 0x50004, location = capp::compliance_registry)]
    fun strangers_attest_nothing() {
        ready();
        registry::attest(&mallory(), subject(), 1, start_time() + 1, hash_of(b"file"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10008, location = capp::compliance_registry)]
    fun a_subject_is_a_hash() {
        ready();
        registry::attest(&issuer(), b"Amina Otieno", 1, start_time() + 1, hash_of(b"file"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10008, location = capp::compliance_registry)]
    fun evidence_is_a_hash() {
        ready();
        registry::attest(&issuer(), subject(), 1, start_time() + 1, b"passport");
    }

    #[test]
    #[expected_failure(abort_code = 0x10008, location = capp::compliance_registry)]
    fun a_subject_is_asked_for_by_hash() {
        ready();
        registry::is_attested(b"Amina Otieno", ISSUER, 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x10009, location = capp::compliance_registry)]
    fun tier_zero_is_not_attested() {
        ready();
        registry::attest(&issuer(), subject(), 0, start_time() + 1, hash_of(b"file"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10009, location = capp::compliance_registry)]
    fun no_issuer_attests_above_its_own_tier() {
        ready();
        registry::attest(&issuer(), subject(), 4, start_time() + 1, hash_of(b"file"));
    }

    #[test]
    #[expected_failure(abort_code = 0x1000A, location = capp::compliance_registry)]
    fun an_attestation_does_not_begin_expired() {
        ready();
        registry::attest(&issuer(), subject(), 1, start_time(), hash_of(b"file"));
    }

    #[test]
    #[expected_failure(abort_code = 0x1000A, location = capp::compliance_registry)]
    fun an_attestation_lasts_two_years_at_most() {
        ready();
        registry::attest(&issuer(), subject(), 1, start_time() + 63072001, hash_of(b"file"));
    }

    #[test]
    #[expected_failure(abort_code = 0x8000B, location = capp::compliance_registry)]
    fun a_standing_attestation_is_not_made_again() {
        attested();
        registry::attest(&issuer(), subject(), 3, start_time() + YEAR, hash_of(b"file"));
    }

    #[test]
    fun an_expired_attestation_is_made_again() {
        attested();
        pass(YEAR);
        registry::attest(&issuer(), subject(), 1, start_time() + 2 * YEAR, hash_of(b"file"));
        assert!(registry::is_attested(subject(), ISSUER, 1));
    }

    #[test]
    fun a_revoked_attestation_is_made_again() {
        attested();
        registry::revoke(&issuer(), subject(), ISSUER, 1);
        registry::attest(&issuer(), subject(), 1, start_time() + YEAR, hash_of(b"file"));
        assert!(registry::is_attested(subject(), ISSUER, 1));
    }

    #[test]
    fun an_attestation_is_renewed() {
        attested();
        pass(10);
        registry::renew(&issuer(), subject(), 3, start_time() + YEAR + 10, hash_of(b"new file"));
        let (tier, issued_at, expires_at, _, _) = registry::attestation(subject(), ISSUER);
        assert!(tier == 3 && issued_at == start_time() + 10 && expires_at == start_time() + YEAR + 10);
        pass(2 * YEAR);
        registry::renew(&issuer(), subject(), 1, start_time() + 3 * YEAR, hash_of(b"new file"));
        assert!(registry::is_attested(subject(), ISSUER, 1));
    }

    #[test]
    #[expected_failure(abort_code = 0x6000C, location = capp::compliance_registry)]
    fun there_must_be_something_to_renew() {
        ready();
        registry::renew(&issuer(), subject(), 1, start_time() + 1, hash_of(b"file"));
    }

    #[test]
    #[expected_failure(abort_code = 0x3000D, location = capp::compliance_registry)]
    fun a_revoked_attestation_is_not_renewed() {
        attested();
        registry::revoke(&issuer(), subject(), ISSUER, 1);
        registry::renew(&issuer(), subject(), 1, start_time() + 1, hash_of(b"file"));
    }

    #[test]
    #[expected_failure(abort_code = 0x6000C, location = capp::compliance_registry)]
    fun nobody_renews_for_another() {
        attested();
        registry::add_issuer(&admin(), @0xF2, 3);
        registry::renew(&signer_of(@0xF2), subject(), 1, start_time() + 1, hash_of(b"file"));
    }

    #[test]
    fun the_issuer_revokes_even_when_suspended() {
        attested();
        registry::set_issuer_active(&regulator(), ISSUER, false);
        registry::revoke(&issuer(), subject(), ISSUER, 3);
        let (_, _, _, revoked_at, reason) = registry::attestation(subject(), ISSUER);
        assert!(revoked_at == start_time() && reason == 3);
        assert!(event::emitted_events<AttestationRevoked>().length() == 1);
    }

    #[test]
    fun the_regulator_revokes() {
        attested();
        registry::revoke(&regulator(), subject(), ISSUER, 4);
        assert!(!registry::is_attested(subject(), ISSUER, 1));
    }

    #[test]
    #[expected_failure(abort_code = 0x5000E, location = capp::compliance_registry)]
    fun others_revoke_nothing() {
        attested();
        registry::revoke(&admin(), subject(), ISSUER, 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x1000F, location = capp::compliance_registry)]
    fun a_revocation_has_a_reason() {
        attested();
        registry::revoke(&issuer(), subject(), ISSUER, 0);
    }

    #[test]
    #[expected_failure(abort_code = 0x1000F, location = capp::compliance_registry)]
    fun a_revocation_has_a_known_reason() {
        attested();
        registry::revoke(&issuer(), subject(), ISSUER, 6);
    }

    #[test]
    #[expected_failure(abort_code = 0x6000C, location = capp::compliance_registry)]
    fun what_was_never_attested_is_not_revoked() {
        ready();
        registry::revoke(&regulator(), subject(), ISSUER, 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x3000D, location = capp::compliance_registry)]
    fun a_revocation_is_made_once() {
        attested();
        registry::revoke(&issuer(), subject(), ISSUER, 1);
        registry::revoke(&regulator(), subject(), ISSUER, 1);
    }

    // Pause.

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::compliance_registry)]
    fun a_pause_stops_attestations() {
        ready();
        registry::pause(&regulator());
        assert!(registry::is_paused());
        registry::attest(&issuer(), subject(), 1, start_time() + 1, hash_of(b"file"));
    }

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::compliance_registry)]
    fun a_pause_stops_renewals() {
        attested();
        registry::pause(&admin());
        registry::renew(&issuer(), subject(), 1, start_time() + 1, hash_of(b"file"));
    }

    #[test]
    fun a_pause_stops_no_revocation_list_report_or_anchor() {
        attested();
        registry::pause(&regulator());
        registry::revoke(&issuer(), subject(), ISSUER, 1);
        registry::publish_list(&regulator(), 1, merkle::empty_root(), 0, hash_of(b"source"));
        registry::file_report(&reporter(), 1, 202601, b"KES", 1, 1, hash_of(b"document"));
        registry::anchor_audit(&reporter(), 1, hash_of(b"head"));
        registry::resume(&admin());
        assert!(!registry::is_paused());
    }

    #[test]
    #[expected_failure(abort_code = 0x50002, location = capp::compliance_registry)]
    fun strangers_do_not_pause() {
        publish();
        registry::pause(&reporter());
    }

    #[test]
    #[expected_failure(abort_code = 0x50001, location = capp::compliance_registry)]
    fun the_regulator_does_not_resume() {
        publish();
        registry::pause(&regulator());
        registry::resume(&regulator());
    }

    #[test]
    #[expected_failure(abort_code = 0x3001B, location = capp::compliance_registry)]
    fun a_pause_is_not_made_twice() {
        publish();
        registry::pause(&regulator());
        registry::pause(&regulator());
    }

    #[test]
    #[expected_failure(abort_code = 0x3001C, location = capp::compliance_registry)]
    fun what_runs_is_not_resumed() {
        publish();
        registry::resume(&admin());
    }

    // Lists.

    /// Entries 0x10.., 0x20.., 0x30.. and so on, 32 bytes each.
    fun entry(number: u8): vector<u8> {
        let bytes = vector[number * 16];
        for (i in 0..31) bytes.push_back(7);
        bytes
    }

    fun between(number: u8): vector<u8> {
        let bytes = entry(number);
        *bytes.borrow_mut(31) = 8;
        bytes
    }

    fun leaves(numbers: vector<u8>): vector<vector<u8>> {
        let result = vector[];
        for (i in 0..numbers.length()) result.push_back(merkle::leaf_hash(entry(numbers[i])));
        result
    }

    fun published(numbers: vector<u8>): vector<vector<u8>> {
        publish();
        let leaves = leaves(numbers);
        registry::publish_list(&regulator(), 1, merkle::root_of(leaves), leaves.length(), hash_of(b"source"));
        leaves
    }

    #[test]
    fun versions_of_lists_count_up() {
        let leaves = published(vector[1, 2, 3]);
        registry::publish_list(&regulator(), 1, merkle::empty_root(), 0, hash_of(b"other"));
        registry::publish_list(&regulator(), 9, merkle::empty_root(), 0, hash_of(b"other"));
        assert!(registry::latest_version(1) == 2 && registry::latest_version(9) == 1 && registry::latest_version(2) == 0);
        let (root, count, source, published_at, is_void) = registry::list_version(1, 1);
        assert!(root == merkle::root_of(leaves) && count == 3 && source == hash_of(b"source"));
        assert!(published_at == start_time() && !is_void);
        assert!(event::emitted_events<ListPublished>().length() == 3);
    }

    #[test]
    #[expected_failure(abort_code = 0x50002, location = capp::compliance_registry)]
    fun only_the_regulator_publishes() {
        publish();
        registry::publish_list(&admin(), 1, merkle::empty_root(), 0, hash_of(b"source"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10008, location = capp::compliance_registry)]
    fun a_root_is_a_hash() {
        publish();
        registry::publish_list(&regulator(), 1, b"root", 1, hash_of(b"source"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10008, location = capp::compliance_registry)]
    fun a_source_is_a_hash() {
        publish();
        registry::publish_list(&regulator(), 1, hash_of(b"root"), 1, b"https://example.org");
    }

    #[test]
    #[expected_failure(abort_code = 0x10010, location = capp::compliance_registry)]
    fun an_empty_list_has_the_empty_root() {
        publish();
        registry::publish_list(&regulator(), 1, hash_of(b"root"), 0, hash_of(b"source"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10010, location = capp::compliance_registry)]
    fun only_an_empty_list_has_the_empty_root() {
        publish();
        registry::publish_list(&regulator(), 1, merkle::empty_root(), 1, hash_of(b"source"));
    }

    #[test]
    #[expected_failure(abort_code = 0x60011, location = capp::compliance_registry)]
    fun an_unknown_version_answers_nothing() {
        published(vector[1]);
        registry::is_listed(1, 2, entry(1), 0, vector[]);
    }

    #[test]
    fun every_entry_is_found() {
        let numbers = vector[1, 3, 5, 7, 9];
        let leaves = published(numbers);
        for (i in 0..5) {
            assert!(registry::is_listed(1, 1, entry(numbers[i]), i, merkle::path_of(leaves, i)));
            assert!(!registry::is_listed(1, 1, between(numbers[i]), i, merkle::path_of(leaves, i)));
        };
    }

    #[test]
    fun every_gap_is_shown() {
        let numbers = vector[1, 3, 5, 7, 9];
        let leaves = published(numbers);
        assert!(registry::is_not_listed(1, 1, entry(0), 0, vector[], vector[], entry(1), merkle::path_of(leaves, 0)));
        for (i in 1..5) {
            assert!(
                registry::is_not_listed(
                    1, 1, between(numbers[i - 1]), i,
                    entry(numbers[i - 1]), merkle::path_of(leaves, i - 1),
                    entry(numbers[i]), merkle::path_of(leaves, i)
                )
            );
        };
        assert!(registry::is_not_listed(1, 1, entry(10), 5, entry(9), merkle::path_of(leaves, 4), vector[], vector[]));
    }

    #[test]
    fun in_an_empty_list_is_nobody() {
        publish();
        registry::publish_list(&regulator(), 1, merkle::empty_root(), 0, hash_of(b"source"));
        assert!(registry::is_not_listed(1, 1, entry(1), 0, vector[], vector[], vector[], vector[]));
        assert!(!registry::is_listed(1, 1, entry(1), 0, vector[]));
    }

    #[test]
    fun a_listed_entry_is_never_shown_to_be_absent() {
        let leaves = published(vector[1, 3, 5]);

        let (p0, p1, p2) = (merkle::path_of(leaves, 0), merkle::path_of(leaves, 1), merkle::path_of(leaves, 2));
        // Between itself and its neighbours, between the neighbours as if they were adjacent, at both ends.
        assert!(!registry::is_not_listed(1, 1, entry(3), 1, entry(1), p0, entry(3), p1));
        assert!(!registry::is_not_listed(1, 1, entry(3), 2, entry(3), p1, entry(5), p2));
        assert!(!registry::is_not_listed(1, 1, entry(3), 1, entry(1), p0, entry(5), p2));
        assert!(!registry::is_not_listed(1, 1, entry(3), 2, entry(1), p0, entry(5), p2));
        assert!(!registry::is_not_listed(1, 1, entry(3), 0, vector[], vector[], entry(5), p2));
        assert!(!registry::is_not_listed(1, 1, entry(3), 3, entry(1), p0, vector[], vector[]));
        assert!(!registry::is_not_listed(1, 1, entry(3), 3, vector[], vector[], vector[], vector[]));
        assert!(!registry::is_not_listed(1, 1, entry(3), 4, entry(1), p0, vector[], vector[]));
        assert!(!registry::is_not_listed(1, 1, entry(3), 0, vector[], vector[], vector[], vector[]));
    }

    #[test]
    fun a_proof_of_absence_carries_nothing_more() {
        let leaves = published(vector[1, 3]);
        let (p0, p1) = (merkle::path_of(leaves, 0), merkle::path_of(leaves, 1));
        assert!(!registry::is_not_listed(1, 1, entry(0), 0, entry(0), vector[], entry(1), p0));
        assert!(!registry::is_not_listed(1, 1, entry(0), 0, vector[], p1, entry(1), p0));
        assert!(!registry::is_not_listed(1, 1, entry(4), 2, entry(3), p1, entry(5), vector[]));
        assert!(!registry::is_not_listed(1, 1, entry(4), 2, entry(3), p1, vector[], p0));
        assert!(!registry::is_not_listed(1, 1, b"short", 1, entry(1), p0, entry(3), p1));
    }

    #[test]
    fun a_list_out_of_order_is_voided_by_anybody() {
        let leaves = published(vector[1, 5, 3, 7]);
        registry::challenge_order(
            &mallory(), 1, 1, 1, entry(5), merkle::path_of(leaves, 1), entry(3), merkle::path_of(leaves, 2)
        );
        let (_, _, _, _, is_void) = registry::list_version(1, 1);
        assert!(is_void);
        assert!(event::emitted_events<ListVoided>().length() == 1);
    }

    #[test]
    fun a_list_with_an_entry_twice_is_voided() {
        let leaves = published(vector[1, 3, 3]);
        registry::challenge_order(
            &mallory(), 1, 1, 1, entry(3), merkle::path_of(leaves, 1), entry(3), merkle::path_of(leaves, 2)
        );
        let (_, _, _, _, is_void) = registry::list_version(1, 1);
        assert!(is_void);
    }

    #[test]
    #[expected_failure(abort_code = 0x10014, location = capp::compliance_registry)]
    fun a_list_in_order_is_not_voided() {
        let leaves = published(vector[1, 3, 5]);
        registry::challenge_order(
            &mallory(), 1, 1, 0, entry(1), merkle::path_of(leaves, 0), entry(3), merkle::path_of(leaves, 1)
        );
    }

    #[test]
    #[expected_failure(abort_code = 0x10013, location = capp::compliance_registry)]
    fun only_neighbours_void_a_list() {
        let leaves = published(vector[1, 3, 5]);
        registry::challenge_order(
            &mallory(), 1, 1, 2, entry(5), merkle::path_of(leaves, 2), entry(1), merkle::path_of(leaves, 0)
        );
    }

    #[test]
    #[expected_failure(abort_code = 0x10013, location = capp::compliance_registry)]
    fun only_entries_void_a_list() {
        let leaves = published(vector[1, 3, 5]);
        registry::challenge_order(
            &mallory(), 1, 1, 0, entry(4), merkle::path_of(leaves, 0), entry(3), merkle::path_of(leaves, 1)
        );
    }

    #[test]
    #[expected_failure(abort_code = 0x30012, location = capp::compliance_registry)]
    fun a_void_list_answers_nothing() {
        let leaves = published(vector[5, 3]);
        registry::challenge_order(
            &mallory(), 1, 1, 0, entry(5), merkle::path_of(leaves, 0), entry(3), merkle::path_of(leaves, 1)
        );
        registry::is_listed(1, 1, entry(5), 0, merkle::path_of(leaves, 0));
    }

    #[test]
    #[expected_failure(abort_code = 0x30012, location = capp::compliance_registry)]
    fun a_void_list_shows_no_absence() {
        let leaves = published(vector[5, 3]);
        let (p0, p1) = (merkle::path_of(leaves, 0), merkle::path_of(leaves, 1));
        registry::challenge_order(&mallory(), 1, 1, 0, entry(5), p0, entry(3), p1);
        registry::is_not_listed(1, 1, entry(1), 0, vector[], vector[], entry(5), p0);
    }

    #[test]
    #[expected_failure(abort_code = 0x30012, location = capp::compliance_registry)]
    fun a_list_is_voided_once() {
        let leaves = published(vector[5, 3]);
        let (p0, p1) = (merkle::path_of(leaves, 0), merkle::path_of(leaves, 1));
        registry::challenge_order(&mallory(), 1, 1, 0, entry(5), p0, entry(3), p1);
        registry::challenge_order(&mallory(), 1, 1, 0, entry(5), p0, entry(3), p1);
    }

    // Reports and anchors.

    #[test]
    fun a_report_is_filed_and_revised() {
        publish();
        assert!(registry::report_revision(1, 202601, b"KES") == 0);
        registry::file_report(&reporter(), 1, 202601, b"KES", 5, 1000, hash_of(b"first"));
        pass(9);
        registry::file_report(&reporter(), 1, 202601, b"KES", 6, 340282366920938463463374607431768211455, hash_of(b"second"));
        registry::file_report(&reporter(), 4, 202612, b"UGX", 0, 0, hash_of(b"third"));
        assert!(registry::report_revision(1, 202601, b"KES") == 2);
        let (count, amount, document, filed_at) = registry::report(1, 202601, b"KES", 1);
        assert!(count == 5 && amount == 1000 && document == hash_of(b"first") && filed_at == start_time());
        let (count, _, document, filed_at) = registry::report(1, 202601, b"KES", 2);
        assert!(count == 6 && document == hash_of(b"second") && filed_at == start_time() + 9);
        assert!(event::emitted_events<ReportFiled>().length() == 3);
    }

    #[test]
    #[expected_failure(abort_code = 0x50003, location = capp::compliance_registry)]
    fun only_the_reporter_files() {
        publish();
        registry::file_report(&regulator(), 1, 202601, b"KES", 1, 1, hash_of(b"document"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10017, location = capp::compliance_registry)]
    fun a_report_has_a_kind() {
        publish();
        registry::file_report(&reporter(), 0, 202601, b"KES", 1, 1, hash_of(b"document"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10017, location = capp::compliance_registry)]
    fun a_report_has_a_known_kind() {
        publish();
        registry::file_report(&reporter(), 5, 202601, b"KES", 1, 1, hash_of(b"document"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10015, location = capp::compliance_registry)]
    fun there_is_no_month_zero() {
        publish();
        registry::file_report(&reporter(), 1, 202600, b"KES", 1, 1, hash_of(b"document"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10015, location = capp::compliance_registry)]
    fun there_is_no_month_thirteen() {
        publish();
        registry::file_report(&reporter(), 1, 202613, b"KES", 1, 1, hash_of(b"document"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10015, location = capp::compliance_registry)]
    fun a_period_is_of_this_millennium() {
        publish();
        registry::file_report(&reporter(), 1, 199912, b"KES", 1, 1, hash_of(b"document"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10015, location = capp::compliance_registry)]
    fun a_period_is_no_day() {
        publish();
        registry::file_report(&reporter(), 1, 20260101, b"KES", 1, 1, hash_of(b"document"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10016, location = capp::compliance_registry)]
    fun a_currency_has_three_letters() {
        publish();
        registry::file_report(&reporter(), 1, 202601, b"KESH", 1, 1, hash_of(b"document"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10016, location = capp::compliance_registry)]
    fun a_currency_has_capital_letters() {
        publish();
        registry::file_report(&reporter(), 1, 202601, b"KeS", 1, 1, hash_of(b"document"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10008, location = capp::compliance_registry)]
    fun a_document_is_a_hash() {
        publish();
        registry::file_report(&reporter(), 1, 202601, b"KES", 1, 1, b"see attached");
    }

    #[test]
    #[expected_failure(abort_code = 0x60018, location = capp::compliance_registry)]
    fun what_was_not_filed_is_not_read() {
        publish();
        registry::report(1, 202601, b"KES", 1);
    }

    #[test]
    fun the_audit_chain_is_anchored() {
        publish();
        assert!(registry::anchor_count() == 0);
        registry::anchor_audit(&reporter(), 0, hash_of(b"0"));
        registry::anchor_audit(&reporter(), 41, hash_of(b"41"));
        assert!(registry::anchor_count() == 2);
        let (block, head, anchored_at) = registry::anchor(1);
        assert!(block == 41 && head == hash_of(b"41") && anchored_at == start_time());
        assert!(event::emitted_events<AuditAnchored>().length() == 2);
    }

    #[test]
    #[expected_failure(abort_code = 0x50003, location = capp::compliance_registry)]
    fun only_the_reporter_anchors() {
        publish();
        registry::anchor_audit(&admin(), 1, hash_of(b"head"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10019, location = capp::compliance_registry)]
    fun a_block_is_anchored_once() {
        publish();
        registry::anchor_audit(&reporter(), 7, hash_of(b"head"));
        registry::anchor_audit(&reporter(), 7, hash_of(b"other head"));
    }

    #[test]
    #[expected_failure(abort_code = 0x10008, location = capp::compliance_registry)]
    fun a_head_is_a_hash() {
        publish();
        registry::anchor_audit(&reporter(), 7, b"head");
    }

    #[test]
    #[expected_failure(abort_code = 0x6001A, location = capp::compliance_registry)]
    fun there_is_no_anchor_beyond_the_last() {
        publish();
        registry::anchor_audit(&reporter(), 7, hash_of(b"head"));
        registry::anchor(1);
    }
}
