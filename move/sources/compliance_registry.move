/// What a regulator may read and a partner may rely on, without a name: attestations of customer checks by
/// salted hash, versions of sanctions lists as Merkle roots, reports by period, and anchors of the audit chain.
///
/// No personal data can be put here by type: entries are hashes of 32 bytes, numbers, times, addresses and
/// currency codes; there is no field of free text. A subject's hash is SHA-256 over a salt that stays off chain
/// and the subject's identifier, so nobody can find a subject by trying identifiers.
///
/// Lists: the leaves of a version are the 32-byte hashes of its entries in ascending order, each once. That an
/// entry is in the list is shown by its leaf; that it is not, by the two neighbours between which it would
/// stand. Order is the publisher's word until somebody shows two neighbours out of order, which voids the
/// version. Only a version that stands answers checks.
///
/// Times are Unix seconds.
module capp::compliance_registry {
    use std::error;
    use std::option::Option;
    use std::signer;
    use aptos_std::table::{Self, Table};
    use aptos_framework::event;
    use aptos_framework::timestamp;
    use capp::merkle;
    use capp::roles::{Self, Roles};

    /// Only the administrator may do this.
    const E_NOT_ADMIN: u64 = 1;
    /// Only the regulator may do this.
    const E_NOT_REGULATOR: u64 = 2;
    /// Only the reporter may do this.
    const E_NOT_REPORTER: u64 = 3;
    /// Only an active issuer may do this.
    const E_NOT_ISSUER: u64 = 4;
    /// The issuer is registered already.
    const E_ISSUER_EXISTS: u64 = 5;
    /// There is no such issuer.
    const E_NO_ISSUER: u64 = 6;
    /// The issuer is in this state already.
    const E_ISSUER_UNCHANGED: u64 = 7;
    /// A hash has 32 bytes.
    const E_HASH_LENGTH: u64 = 8;
    /// A tier is 1 to 4, and an issuer attests up to its own highest.
    const E_TIER: u64 = 9;
    /// An attestation must expire after now and within the longest time allowed.
    const E_EXPIRY: u64 = 10;
    /// The issuer's attestation of this subject stands; renew or revoke it.
    const E_ATTESTATION_STANDS: u64 = 11;
    /// The issuer has not attested this subject.
    const E_NO_ATTESTATION: u64 = 12;
    /// The attestation is revoked.
    const E_REVOKED: u64 = 13;
    /// Neither the attestation's issuer nor the regulator.
    const E_MAY_NOT_REVOKE: u64 = 14;
    /// A reason is 1 to 5.
    const E_REASON: u64 = 15;
    /// A list of no entries has the root of nothing, and no other list has.
    const E_EMPTY_LIST: u64 = 16;
    /// There is no such version of the list.
    const E_NO_LIST: u64 = 17;
    /// The version of the list is void.
    const E_LIST_VOID: u64 = 18;
    /// The proof does not lead to the list's root.
    const E_BAD_PROOF: u64 = 19;
    /// The neighbours are in order.
    const E_IN_ORDER: u64 = 20;
    /// A period is a year from 2000 to 2999 and a month, as YYYYMM.
    const E_PERIOD: u64 = 21;
    /// A currency is three capital letters.
    const E_CURRENCY: u64 = 22;
    /// A kind of report is 1 to 4.
    const E_REPORT_KIND: u64 = 23;
    /// There is no such report.
    const E_NO_REPORT: u64 = 24;
    /// An anchor must be of a later block of the audit chain than the one before.
    const E_ANCHOR_ORDER: u64 = 25;
    /// There is no anchor at this index.
    const E_NO_ANCHOR: u64 = 26;
    /// The registry is paused.
    const E_PAUSED: u64 = 27;
    /// The registry is not paused.
    const E_NOT_PAUSED: u64 = 28;

    const ROLE_ADMIN: u64 = 0;
    const ROLE_REGULATOR: u64 = 1;
    const ROLE_REPORTER: u64 = 2;
    const ROLE_COUNT: u64 = 3;
    const ROLE_SCOPE: u8 = 3;

    const TIER_MAX: u8 = 4;
    const ATTESTATION_SECS_MAX: u64 = 63072000; // 730 days
    /// 1 withdrawn by the subject, 2 outdated, 3 false, 4 sanctioned, 5 issuer in doubt.
    const REASON_MAX: u8 = 5;
    /// 1 volumes, 2 suspicions, 3 sanctions hits, 4 large payments.
    const REPORT_KIND_MAX: u8 = 4;

    /// 32 bytes that say nothing by themselves; made by `hash32` only.
    struct Hash32 has copy, drop, store {
        bytes: vector<u8>
    }

    struct Issuer has copy, drop, store {
        active: bool,
        tier_max: u8
    }

    struct AttestationKey has copy, drop, store {
        subject: Hash32,
        issuer: address
    }

    struct Attestation has copy, drop, store {
        tier: u8,
        issued_at: u64,
        expires_at: u64,
        /// Hash of the evidence that the issuer keeps.
        evidence: Hash32,
        /// Second of revocation and its reason; zeros while it stands.
        revoked_at: u64,
        reason: u8
    }

    struct ListKey has copy, drop, store {
        list: u64,
        version: u64
    }

    struct ListVersion has copy, drop, store {
        root: Hash32,
        count: u64,
        /// Hash of the file the list was made from.
        source: Hash32,
        published_at: u64,
        is_void: bool
    }

    struct ReportKey has copy, drop, store {
        kind: u8,
        period: u64,
        currency: vector<u8>,
        revision: u64
    }

    struct Report has copy, drop, store {
        count: u64,
        amount_minor: u128,
        document: Hash32,
        filed_at: u64
    }

    struct Anchor has copy, drop, store {
        block: u64,
        head: Hash32,
        anchored_at: u64
    }

    struct Registry has key {
        roles: Roles,
        paused: bool,
        issuers: Table<address, Issuer>,
        attestations: Table<AttestationKey, Attestation>,
        /// Latest version of each list; versions count from 1.
        latest: Table<u64, u64>,
        lists: Table<ListKey, ListVersion>,
        /// Under revision 0 stands the number of revisions; revisions count from 1.
        revisions: Table<ReportKey, u64>,
        reports: Table<ReportKey, Report>,
        anchors: Table<u64, Anchor>,
        anchor_count: u64
    }

    #[event]
    struct PauseChanged has drop, store {
        paused: bool,
        by: address
    }

    #[event]
    struct IssuerChanged has drop, store {
        issuer: address,
        active: bool,
        tier_max: u8
    }

    #[event]
    struct Attested has drop, store {
        subject: Hash32,
        issuer: address,
        tier: u8,
        expires_at: u64,
        evidence: Hash32
    }

    #[event]
    struct AttestationRevoked has drop, store {
        subject: Hash32,
        issuer: address,
        by: address,
        reason: u8
    }

    #[event]
    struct ListPublished has drop, store {
        list: u64,
        version: u64,
        root: Hash32,
        count: u64,
        source: Hash32
    }

    #[event]
    struct ListVoided has drop, store {
        list: u64,
        version: u64,
        by: address
    }

    #[event]
    struct ReportFiled has drop, store {
        kind: u8,
        period: u64,
        currency: vector<u8>,
        revision: u64,
        count: u64,
        amount_minor: u128,
        document: Hash32
    }

    #[event]
    struct AuditAnchored has drop, store {
        index: u64,
        block: u64,
        head: Hash32
    }

    /// All roles begin with the publisher.
    fun init_module(publisher: &signer) {
        move_to(
            publisher,
            Registry {
                roles: roles::new(ROLE_SCOPE, signer::address_of(publisher), ROLE_COUNT),
                paused: false,
                issuers: table::new(),
                attestations: table::new(),
                latest: table::new(),
                lists: table::new(),
                revisions: table::new(),
                reports: table::new(),
                anchors: table::new(),
                anchor_count: 0
            }
        );
    }

    // Roles.

    /// First step of a hand-over, by the role's holder or the administrator.
    public entry fun offer_role(by: &signer, role: u64, nominee: address) acquires Registry {
        borrow_global_mut<Registry>(@capp).roles.offer(by, role, nominee);
    }

    public entry fun withdraw_role_offer(by: &signer, role: u64) acquires Registry {
        borrow_global_mut<Registry>(@capp).roles.withdraw_offer(by, role);
    }

    /// Second step, by the nominee.
    public entry fun accept_role(by: &signer, role: u64) acquires Registry {
        borrow_global_mut<Registry>(@capp).roles.accept(by, role);
    }

    /// Stops new attestations and renewals. Revocations, lists, reports, anchors and every check go on.
    public entry fun pause(by: &signer) acquires Registry {
        let registry = borrow_global_mut<Registry>(@capp);
        assert!(
            registry.roles.holds(ROLE_REGULATOR, by) || registry.roles.holds(ROLE_ADMIN, by),
            error::permission_denied(E_NOT_REGULATOR)
        );
        registry.assert_running();
        registry.paused = true;
        event::emit(PauseChanged { paused: true, by: signer::address_of(by) });
    }

    /// Only the administrator ends a pause.
    public entry fun resume(admin: &signer) acquires Registry {
        let registry = registry_for_admin(admin);
        assert!(registry.paused, error::invalid_state(E_NOT_PAUSED));
        registry.paused = false;
        event::emit(PauseChanged { paused: false, by: signer::address_of(admin) });
    }

    // Issuers and attestations.

    public entry fun add_issuer(admin: &signer, issuer: address, tier_max: u8) acquires Registry {
        let registry = registry_for_admin(admin);
        assert!(tier_max > 0 && tier_max <= TIER_MAX, error::invalid_argument(E_TIER));
        assert!(!registry.issuers.contains(issuer), error::already_exists(E_ISSUER_EXISTS));
        registry.issuers.add(issuer, Issuer { active: true, tier_max });
        event::emit(IssuerChanged { issuer, active: true, tier_max });
    }

    /// While an issuer is suspended it attests nothing, and nothing it attested is valid.
    public entry fun set_issuer_active(regulator: &signer, issuer: address, active: bool) acquires Registry {
        let registry = borrow_global_mut<Registry>(@capp);
        registry.assert_regulator(regulator);
        assert!(registry.issuers.contains(issuer), error::not_found(E_NO_ISSUER));
        let entry = registry.issuers.borrow_mut(issuer);
        assert!(entry.active != active, error::invalid_state(E_ISSUER_UNCHANGED));
        entry.active = active;
        event::emit(IssuerChanged { issuer, active, tier_max: entry.tier_max });
    }

    /// Attests that a subject passed the checks of a tier. Refused while the issuer's earlier one stands.
    public entry fun attest(
        issuer: &signer,
        subject: vector<u8>,
        tier: u8,
        expires_at: u64,
        evidence: vector<u8>
    ) acquires Registry {
        let registry = borrow_global_mut<Registry>(@capp);
        let key = AttestationKey { subject: hash32(subject), issuer: signer::address_of(issuer) };
        let attestation = registry.checked_attestation(key.issuer, tier, expires_at, evidence);
        if (registry.attestations.contains(key)) {
            let earlier = registry.attestations.borrow_mut(key);
            assert!(
                earlier.revoked_at > 0 || earlier.expires_at <= attestation.issued_at,
                error::already_exists(E_ATTESTATION_STANDS)
            );
            *earlier = attestation;
        } else registry.attestations.add(key, attestation);
        emit_attested(&key, &attestation);
    }

    /// Replaces an attestation of the issuer's own that is not revoked, before or after its expiry.
    public entry fun renew(
        issuer: &signer,
        subject: vector<u8>,
        tier: u8,
        expires_at: u64,
        evidence: vector<u8>
    ) acquires Registry {
        let registry = borrow_global_mut<Registry>(@capp);
        let key = AttestationKey { subject: hash32(subject), issuer: signer::address_of(issuer) };
        let attestation = registry.checked_attestation(key.issuer, tier, expires_at, evidence);
        assert!(registry.attestations.contains(key), error::not_found(E_NO_ATTESTATION));
        let earlier = registry.attestations.borrow_mut(key);
        assert!(earlier.revoked_at == 0, error::invalid_state(E_REVOKED));
        *earlier = attestation;
        emit_attested(&key, &attestation);
    }

    /// Revokes an attestation at once: its issuer, even a suspended one, or the regulator.
    public entry fun revoke(by: &signer, subject: vector<u8>, issuer: address, reason: u8) acquires Registry {
        let registry = borrow_global_mut<Registry>(@capp);
        let account = signer::address_of(by);
        assert!(
            account == issuer || registry.roles.holds(ROLE_REGULATOR, by),
            error::permission_denied(E_MAY_NOT_REVOKE)
        );
        assert!(reason > 0 && reason <= REASON_MAX, error::invalid_argument(E_REASON));
        let key = AttestationKey { subject: hash32(subject), issuer };
        assert!(registry.attestations.contains(key), error::not_found(E_NO_ATTESTATION));
        let attestation = registry.attestations.borrow_mut(key);
        assert!(attestation.revoked_at == 0, error::invalid_state(E_REVOKED));
        attestation.revoked_at = timestamp::now_seconds();
        attestation.reason = reason;
        event::emit(AttestationRevoked { subject: key.subject, issuer, by: account, reason });
    }

    // Sanctions lists.

    /// Publishes the next version of a list: root over its sorted entries, their count, hash of its source.
    public entry fun publish_list(
        regulator: &signer,
        list: u64,
        root: vector<u8>,
        count: u64,
        source: vector<u8>
    ) acquires Registry {
        let registry = borrow_global_mut<Registry>(@capp);
        registry.assert_regulator(regulator);
        let (root, source) = (hash32(root), hash32(source));
        assert!(
            (count == 0) == (root.bytes == merkle::empty_root()), error::invalid_argument(E_EMPTY_LIST)
        );
        let version = registry.version_of(list) + 1;
        if (version == 1) registry.latest.add(list, version) else *registry.latest.borrow_mut(list) = version;
        let published_at = timestamp::now_seconds();
        registry.lists.add(
            ListKey { list, version },
            ListVersion { root, count, source, published_at, is_void: false }
        );
        event::emit(ListPublished { list, version, root, count, source });
    }

    /// Voids a version in which the entry at `index` does not sort before the one after it. Anybody may show it.
    public entry fun challenge_order(
        by: &signer,
        list: u64,
        version: u64,
        index: u64,
        entry: vector<u8>,
        path: vector<vector<u8>>,
        next_entry: vector<u8>,
        next_path: vector<vector<u8>>
    ) acquires Registry {
        let registry = borrow_global_mut<Registry>(@capp);
        let key = ListKey { list, version };
        let version_of = registry.standing_list(key);
        assert!(!merkle::is_less(&entry, &next_entry), error::invalid_argument(E_IN_ORDER));
        assert!(
            version_of.has_entry(&entry, index, &path)
                && version_of.count - 1 > index
                && version_of.has_entry(&next_entry, index + 1, &next_path),
            error::invalid_argument(E_BAD_PROOF)
        );
        registry.lists.borrow_mut(key).is_void = true;
        event::emit(ListVoided { list, version, by: signer::address_of(by) });
    }

    // Reports and anchors.

    /// Files a report on a month and currency, or a revision of it: how many, how much, and the hash of the
    /// document that the regulator has. Earlier revisions stay.
    public entry fun file_report(
        reporter: &signer,
        kind: u8,
        period: u64,
        currency: vector<u8>,
        count: u64,
        amount_minor: u128,
        document: vector<u8>
    ) acquires Registry {
        let registry = borrow_global_mut<Registry>(@capp);
        registry.assert_reporter(reporter);
        assert!(kind > 0 && kind <= REPORT_KIND_MAX, error::invalid_argument(E_REPORT_KIND));
        let (year, month) = (period / 100, period % 100);
        assert!(
            year >= 2000 && year <= 2999 && month >= 1 && month <= 12, error::invalid_argument(E_PERIOD)
        );
        assert!(is_currency(&currency), error::invalid_argument(E_CURRENCY));
        let document = hash32(document);
        let revision = registry.revision_of(kind, period, currency) + 1;
        let key = ReportKey { kind, period, currency, revision: 0 };
        if (revision == 1) registry.revisions.add(key, revision) else *registry.revisions.borrow_mut(key) = revision;
        let filed_at = timestamp::now_seconds();
        registry.reports.add(
            ReportKey { kind, period, currency, revision },
            Report { count, amount_minor, document, filed_at }
        );
        event::emit(ReportFiled { kind, period, currency, revision, count, amount_minor, document });
    }

    /// Anchors the head of the audit chain after a block of it. Blocks only go up, and no anchor is ever changed.
    public entry fun anchor_audit(reporter: &signer, block: u64, head: vector<u8>) acquires Registry {
        let registry = borrow_global_mut<Registry>(@capp);
        registry.assert_reporter(reporter);
        let head = hash32(head);
        let index = registry.anchor_count;
        assert!(
            index == 0 || registry.anchors.borrow(index - 1).block < block, error::invalid_argument(E_ANCHOR_ORDER)
        );
        registry.anchors.add(index, Anchor { block, head, anchored_at: timestamp::now_seconds() });
        registry.anchor_count = index + 1;
        event::emit(AuditAnchored { index, block, head });
    }

    // Views.

    #[view]
    public fun is_paused(): bool acquires Registry {
        borrow_global<Registry>(@capp).paused
    }

    #[view]
    /// 0 administrator, 1 regulator, 2 reporter.
    public fun role_holder(role: u64): address acquires Registry {
        borrow_global<Registry>(@capp).roles.holder(role)
    }

    #[view]
    public fun role_nominee(role: u64): Option<address> acquires Registry {
        borrow_global<Registry>(@capp).roles.nominee(role)
    }

    #[view]
    /// Whether the issuer may attest, and up to which tier; tier 0 for strangers.
    public fun issuer(account: address): (bool, u8) acquires Registry {
        let registry = borrow_global<Registry>(@capp);
        if (!registry.issuers.contains(account)) return (false, 0);
        let issuer = registry.issuers.borrow(account);
        (issuer.active, issuer.tier_max)
    }

    #[view]
    /// Tier, times of issue, expiry and revocation, reason of revocation. Tier 0 where there is none.
    public fun attestation(subject: vector<u8>, issuer: address): (u8, u64, u64, u64, u8) acquires Registry {
        let registry = borrow_global<Registry>(@capp);
        let key = AttestationKey { subject: hash32(subject), issuer };
        if (!registry.attestations.contains(key)) return (0, 0, 0, 0, 0);
        let found = registry.attestations.borrow(key);
        (found.tier, found.issued_at, found.expires_at, found.revoked_at, found.reason)
    }

    #[view]
    /// Whether an active issuer attests the subject's tier or a higher one at this moment.
    public fun is_attested(subject: vector<u8>, issuer: address, tier: u8): bool acquires Registry {
        let registry = borrow_global<Registry>(@capp);
        let key = AttestationKey { subject: hash32(subject), issuer };
        if (!registry.attestations.contains(key) || !registry.issuers.borrow(issuer).active) return false;
        let found = registry.attestations.borrow(key);
        found.revoked_at == 0 && timestamp::now_seconds() < found.expires_at && found.tier >= tier
    }

    #[view]
    /// The number of the latest version of a list, void or not; 0 where there is none.
    public fun latest_version(list: u64): u64 acquires Registry {
        borrow_global<Registry>(@capp).version_of(list)
    }

    #[view]
    /// Root, count, source hash, second of publication, whether it is void.
    public fun list_version(list: u64, version: u64): (vector<u8>, u64, vector<u8>, u64, bool) acquires Registry {
        let found = borrow_global<Registry>(@capp).known_list(ListKey { list, version });
        (found.root.bytes, found.count, found.source.bytes, found.published_at, found.is_void)
    }

    #[view]
    /// Whether the proof shows that the entry is in the version of the list.
    public fun is_listed(
        list: u64, version: u64, entry: vector<u8>, index: u64, path: vector<vector<u8>>
    ): bool acquires Registry {
        let found = borrow_global<Registry>(@capp).standing_list(ListKey { list, version });
        found.has_entry(&entry, index, &path)
    }

    #[view]
    /// Whether the proof shows that the entry is not in the version of the list. `index` is where it would
    /// stand: the neighbour before it is at `index - 1`, the one after it at `index`. At the beginning there is
    /// no neighbour before and at the end none after; what is not there is given as empty vectors.
    public fun is_not_listed(
        list: u64,
        version: u64,
        entry: vector<u8>,
        index: u64,
        before: vector<u8>,
        before_path: vector<vector<u8>>,
        after: vector<u8>,
        after_path: vector<vector<u8>>
    ): bool acquires Registry {
        let found = borrow_global<Registry>(@capp).standing_list(ListKey { list, version });
        if (!merkle::is_hash(&entry) || index > found.count) return false;
        let before_holds =
            if (index == 0) before.is_empty() && before_path.is_empty()
            else merkle::is_less(&before, &entry) && found.has_entry(&before, index - 1, &before_path);
        let after_holds =
            if (index == found.count) after.is_empty() && after_path.is_empty()
            else merkle::is_less(&entry, &after) && found.has_entry(&after, index, &after_path);
        before_holds && after_holds
    }

    #[view]
    /// How often a report was filed; the last revision has this number.
    public fun report_revision(kind: u8, period: u64, currency: vector<u8>): u64 acquires Registry {
        borrow_global<Registry>(@capp).revision_of(kind, period, currency)
    }

    #[view]
    /// Count, amount in minor units, hash of the document, second of filing.
    public fun report(
        kind: u8, period: u64, currency: vector<u8>, revision: u64
    ): (u64, u128, vector<u8>, u64) acquires Registry {
        let registry = borrow_global<Registry>(@capp);
        let key = ReportKey { kind, period, currency, revision };
        assert!(registry.reports.contains(key), error::not_found(E_NO_REPORT));
        let found = registry.reports.borrow(key);
        (found.count, found.amount_minor, found.document.bytes, found.filed_at)
    }

    #[view]
    public fun anchor_count(): u64 acquires Registry {
        borrow_global<Registry>(@capp).anchor_count
    }

    #[view]
    /// Block, head, second of anchoring.
    public fun anchor(index: u64): (u64, vector<u8>, u64) acquires Registry {
        let registry = borrow_global<Registry>(@capp);
        assert!(index < registry.anchor_count, error::not_found(E_NO_ANCHOR));
        let found = registry.anchors.borrow(index);
        (found.block, found.head.bytes, found.anchored_at)
    }

    // Rules.

    fun hash32(bytes: vector<u8>): Hash32 {
        assert!(merkle::is_hash(&bytes), error::invalid_argument(E_HASH_LENGTH));
        Hash32 { bytes }
    }

    inline fun registry_for_admin(admin: &signer): &mut Registry acquires Registry {
        let registry = borrow_global_mut<Registry>(@capp);
        assert!(registry.roles.holds(ROLE_ADMIN, admin), error::permission_denied(E_NOT_ADMIN));
        registry
    }

    fun assert_regulator(self: &Registry, account: &signer) {
        assert!(self.roles.holds(ROLE_REGULATOR, account), error::permission_denied(E_NOT_REGULATOR));
    }

    fun assert_reporter(self: &Registry, account: &signer) {
        assert!(self.roles.holds(ROLE_REPORTER, account), error::permission_denied(E_NOT_REPORTER));
    }

    fun assert_running(self: &Registry) {
        assert!(!self.paused, error::invalid_state(E_PAUSED));
    }

    fun checked_attestation(
        self: &Registry, issuer: address, tier: u8, expires_at: u64, evidence: vector<u8>
    ): Attestation {
        self.assert_running();
        assert!(
            self.issuers.contains(issuer) && self.issuers.borrow(issuer).active,
            error::permission_denied(E_NOT_ISSUER)
        );
        assert!(tier > 0 && tier <= self.issuers.borrow(issuer).tier_max, error::invalid_argument(E_TIER));
        let now = timestamp::now_seconds();
        assert!(
            expires_at > now && expires_at <= now + ATTESTATION_SECS_MAX, error::invalid_argument(E_EXPIRY)
        );
        Attestation {
            tier,
            issued_at: now,
            expires_at,
            evidence: hash32(evidence),
            revoked_at: 0,
            reason: 0
        }
    }

    fun emit_attested(key: &AttestationKey, attestation: &Attestation) {
        event::emit(
            Attested {
                subject: key.subject,
                issuer: key.issuer,
                tier: attestation.tier,
                expires_at: attestation.expires_at,
                evidence: attestation.evidence
            }
        );
    }

    fun version_of(self: &Registry, list: u64): u64 {
        if (self.latest.contains(list)) *self.latest.borrow(list) else 0
    }

    fun known_list(self: &Registry, key: ListKey): ListVersion {
        assert!(self.lists.contains(key), error::not_found(E_NO_LIST));
        *self.lists.borrow(key)
    }

    fun standing_list(self: &Registry, key: ListKey): ListVersion {
        let found = self.known_list(key);
        assert!(!found.is_void, error::invalid_state(E_LIST_VOID));
        found
    }

    /// Entries have 32 bytes, so that nothing else than an entry can be the data of a leaf.
    fun has_entry(self: &ListVersion, entry: &vector<u8>, index: u64, path: &vector<vector<u8>>): bool {
        merkle::is_hash(entry)
            && merkle::verify(merkle::leaf_hash(*entry), index, self.count, path, &self.root.bytes)
    }

    fun revision_of(self: &Registry, kind: u8, period: u64, currency: vector<u8>): u64 {
        let key = ReportKey { kind, period, currency, revision: 0 };
        if (self.revisions.contains(key)) *self.revisions.borrow(key) else 0
    }

    fun is_currency(currency: &vector<u8>): bool {
        if (currency.length() != 3) return false;
        for (i in 0..3) {
            if (currency[i] < 65 || currency[i] > 90) return false;
        };
        true
    }

    spec Hash32 {
        invariant len(bytes) == 32;
    }

    spec Issuer {
        invariant tier_max > 0 && tier_max <= TIER_MAX;
    }

    spec Attestation {
        invariant tier > 0 && tier <= TIER_MAX;
        invariant expires_at > issued_at;
        /// Revoked with a reason, or standing without one.
        invariant (revoked_at == 0) ==> (reason == 0);
        invariant reason <= REASON_MAX;
    }

    spec anchor_audit {
        pragma aborts_if_is_partial;
        ensures global<Registry>(@capp).anchor_count == old(global<Registry>(@capp)).anchor_count + 1;
    }

    #[test_only]
    public fun init_for_test(publisher: &signer) {
        init_module(publisher);
    }
}
