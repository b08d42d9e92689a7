#[test_only]
/// Random attestations, renewals, revocations and suspensions against a model, and random lists in which every
/// number is shown to be either listed or not, never both.
module capp::registry_model_tests {
    use aptos_framework::timestamp;
    use capp::compliance_registry as registry;
    use capp::fixture::{Self, admin, hash_of, regulator, signer_of, Chance};
    use capp::merkle;

    const ISSUERS: vector<address> = vector[@0xF1, @0xF2];

    struct Entry has copy, drop {
        tier: u8,
        expires_at: u64,
        is_revoked: bool
    }

    struct Model has drop {
        /// Four subjects of the first issuer, four of the second.
        entries: vector<Entry>,
        active: vector<bool>
    }

    fun subject(number: u64): vector<u8> {
        hash_of(std::bcs::to_bytes(&number))
    }

    fun step(self: &mut Model, chance: &mut Chance) {
        let number = chance.below(8);
        let (who, now) = (number / 4, timestamp::now_seconds());
        let issuer = signer_of(ISSUERS[who]);
        let entry = self.entries[number];
        let is_standing = entry.tier > 0 && !entry.is_revoked && now < entry.expires_at;
        let fresh = Entry { tier: (chance.below(3) as u8) + 1, expires_at: now + 1 + chance.below(5000), is_revoked: false };
        let kind = chance.below(8);
        if (kind < 3 && self.active[who] && !is_standing) {
            registry::attest(&issuer, subject(number), fresh.tier, fresh.expires_at, hash_of(b"file"));
            *self.entries.borrow_mut(number) = fresh;
        } else if (kind < 5 && self.active[who] && entry.tier > 0 && !entry.is_revoked) {
            registry::renew(&issuer, subject(number), fresh.tier, fresh.expires_at, hash_of(b"file"));
            *self.entries.borrow_mut(number) = fresh;
        } else if (kind == 5 && entry.tier > 0 && !entry.is_revoked) {
            let by = if (chance.below(2) == 0) issuer else regulator();
            registry::revoke(&by, subject(number), ISSUERS[who], 1);
            self.entries.borrow_mut(number).is_revoked = true;
        } else if (kind == 6) {
            registry::set_issuer_active(&regulator(), ISSUERS[who], !self.active[who]);
            *self.active.borrow_mut(who) = !self.active[who];
        } else if (kind == 7) fixture::pass(chance.below(1500) + 1);
    }

    fun assert_same(self: &Model) {
        let now = timestamp::now_seconds();
        for (number in 0..8) {
            let (entry, issuer) = (self.entries[number], ISSUERS[number / 4]);
            let (tier, _, expires_at, revoked_at, _) = registry::attestation(subject(number), issuer);
            assert!(tier == entry.tier && expires_at == entry.expires_at && (revoked_at > 0) == entry.is_revoked);
            let holds = self.active[number / 4] && !entry.is_revoked && now < entry.expires_at;
            for (asked in 1..4) {
                assert!(registry::is_attested(subject(number), issuer, asked) == (holds && entry.tier >= asked));
            };
        };
    }

    #[test]
    fun random_attestations() {
        fixture::publish();
        let nothing = Entry { tier: 0, expires_at: 0, is_revoked: false };
        let model = Model { entries: vector[], active: vector[true, true] };
        for (i in 0..8) model.entries.push_back(nothing);
        for (i in 0..2) registry::add_issuer(&admin(), ISSUERS[i], 3);
        let chance = fixture::chance(7);
        for (i in 0..200) {
            model.step(&mut chance);
            model.assert_same();
        };
    }

    fun entry(number: u8): vector<u8> {
        let bytes = vector[number];
        for (i in 0..31) bytes.push_back(0);
        bytes
    }

    #[test]
    fun random_lists() {
        fixture::publish();
        let chance = fixture::chance(11);
        for (version in 1..7) {
            let (numbers, leaves) = (vector[], vector[]);
            for (number in 0..24) {
                if (chance.below(3) == 0) {
                    numbers.push_back((number as u8));
                    leaves.push_back(merkle::leaf_hash(entry((number as u8))));
                };
            };
            let count = numbers.length();
            registry::publish_list(&regulator(), 1, merkle::root_of(leaves), count, hash_of(b"source"));
            let place = 0;
            for (number in 0..24) {
                let asked = entry((number as u8));
                let (before, before_path) = neighbour(&numbers, leaves, place, true);
                let (after, after_path) = neighbour(&numbers, leaves, place, false);
                let is_listed = numbers.contains(&(number as u8));
                assert!(registry::is_listed(1, version, asked, place, after_path) == is_listed);
                let is_absent =
                    registry::is_not_listed(1, version, asked, place, before, before_path, after, after_path);
                assert!(is_absent != is_listed);
                if (is_listed) place += 1;
            };
        };
    }

    /// The entry before or at a place with its proof; empty beyond the ends.
    fun neighbour(
        numbers: &vector<u8>, leaves: vector<vector<u8>>, place: u64, is_before: bool
    ): (vector<u8>, vector<vector<u8>>) {
        if (is_before && place == 0 || !is_before && place == numbers.length()) return (vector[], vector[]);
        let index = if (is_before) place - 1 else place;
        (entry(numbers[index]), merkle::path_of(leaves, index))
    }
}
