/// Roles with two-step hand-over: a role changes hands only when its holder, or the administrator, has offered
/// it and the nominee has accepted. Until then the holder keeps it, so a mistyped address loses nothing.
///
/// Each module keeps a `Roles` of its own and names its roles by number; role 0 is always the administrator.
module capp::roles {
    use std::error;
    use std::option::{Self, Option};
    use std::signer;
    use aptos_framework::event;

    /// There is no role of this number.
    const E_NO_SUCH_ROLE: u64 = 1;
    /// Only the role's holder or the administrator may offer it or take an offer back.
    const E_NOT_HOLDER_OR_ADMIN: u64 = 2;
    /// The nominee holds the role already.
    const E_ALREADY_HOLDER: u64 = 3;
    /// The role is not on offer.
    const E_NO_OFFER: u64 = 4;
    /// The role is on offer to somebody else.
    const E_NOT_NOMINEE: u64 = 5;

    const ADMIN: u64 = 0;

    struct Role has store, drop {
        holder: address,
        nominee: Option<address>
    }

    /// The roles of one module; `scope` tells its events from those of other modules.
    struct Roles has store {
        scope: u8,
        list: vector<Role>
    }

    #[event]
    struct RoleOffered has drop, store {
        scope: u8,
        role: u64,
        holder: address,
        nominee: address
    }

    #[event]
    struct RoleOfferWithdrawn has drop, store {
        scope: u8,
        role: u64,
        holder: address,
        nominee: address
    }

    #[event]
    struct RoleAccepted has drop, store {
        scope: u8,
        role: u64,
        former: address,
        holder: address
    }

    /// `count` roles, all in the hands of `holder`.
    package fun new(scope: u8, holder: address, count: u64): Roles {
        let list = vector[];
        for (i in 0..count) {
            list.push_back(Role { holder, nominee: option::none() });
        };
        Roles { scope, list }
    }

    package fun holds(self: &Roles, role: u64, account: &signer): bool {
        self.list[role].holder == signer::address_of(account)
    }

    package fun holder(self: &Roles, role: u64): address {
        self.assert_role(role);
        self.list[role].holder
    }

    package fun nominee(self: &Roles, role: u64): Option<address> {
        self.assert_role(role);
        self.list[role].nominee
    }

    /// First step. A second offer replaces the first.
    package fun offer(self: &mut Roles, by: &signer, role: u64, nominee: address) {
        self.assert_may_offer(by, role);
        let entry = &mut self.list[role];
        assert!(entry.holder != nominee, error::invalid_argument(E_ALREADY_HOLDER));
        entry.nominee = option::some(nominee);
        event::emit(RoleOffered { scope: self.scope, role, holder: entry.holder, nominee });
    }

    package fun withdraw_offer(self: &mut Roles, by: &signer, role: u64) {
        self.assert_may_offer(by, role);
        let entry = &mut self.list[role];
        assert!(entry.nominee.is_some(), error::invalid_state(E_NO_OFFER));
        let nominee = entry.nominee.extract();
        event::emit(RoleOfferWithdrawn { scope: self.scope, role, holder: entry.holder, nominee });
    }

    /// Second step, by the nominee.
    package fun accept(self: &mut Roles, by: &signer, role: u64) {
        self.assert_role(role);
        let entry = &mut self.list[role];
        assert!(entry.nominee.is_some(), error::invalid_state(E_NO_OFFER));
        let account = signer::address_of(by);
        assert!(entry.nominee.contains(&account), error::permission_denied(E_NOT_NOMINEE));
        let former = entry.holder;
        entry.holder = account;
        entry.nominee = option::none();
        event::emit(RoleAccepted { scope: self.scope, role, former, holder: account });
    }

    fun assert_role(self: &Roles, role: u64) {
        assert!(role < self.list.length(), error::invalid_argument(E_NO_SUCH_ROLE));
    }

    fun assert_may_offer(self: &Roles, by: &signer, role: u64) {
        self.assert_role(role);
        assert!(
            self.holds(role, by) || self.holds(ADMIN, by), error::permission_denied(E_NOT_HOLDER_OR_ADMIN)
        );
    }

    spec accept {
        /// Who accepts, holds; nothing stays on offer.
        ensures self.list[role].holder == signer::address_of(by);
        ensures option::is_none(self.list[role].nominee);
    }
}
