/// Merkle trees as in Certificate Transparency (RFC 6962 section 2.1, RFC 9162 section 2.1.3): SHA-256, leaves
/// prefixed with 0x00 and nodes with 0x01, so that a node can never pass for a leaf; an odd node is promoted,
/// never doubled. Proofs made off chain by the platform verify here unchanged.
module capp::merkle {
    use std::hash;

    const LEAF_PREFIX: vector<u8> = x"00";
    const NODE_PREFIX: vector<u8> = x"01";
    const HASH_LENGTH: u64 = 32;

    /// Whether the bytes have the length of a SHA-256.
    public fun is_hash(bytes: &vector<u8>): bool {
        bytes.length() == HASH_LENGTH
    }

    /// SHA-256(0x00 || data).
    public fun leaf_hash(data: vector<u8>): vector<u8> {
        let bytes = LEAF_PREFIX;
        bytes.append(data);
        hash::sha2_256(bytes)
    }

    /// SHA-256(0x01 || left || right).
    public fun node_hash(left: vector<u8>, right: vector<u8>): vector<u8> {
        let bytes = NODE_PREFIX;
        bytes.append(left);
        bytes.append(right);
        hash::sha2_256(bytes)
    }

    /// The root of a tree without leaves: SHA-256 of nothing.
    public fun empty_root(): vector<u8> {
        hash::sha2_256(vector[])
    }

    /// Says whether the path (neighbours, lowest first) leads from the leaf hash at `index` of `size` leaves to
    /// the root. False for anything malformed: a hash too many or too few, or of another length, never passes.
    public fun verify(
        leaf: vector<u8>, index: u64, size: u64, path: &vector<vector<u8>>, root: &vector<u8>
    ): bool {
        if (index >= size || !is_hash(&leaf)) return false;
        let hash = leaf;
        let used = 0;
        let at = index;
        let last = size - 1;
        while (last > 0) {
            let is_right = at % 2 == 1;
            // The last node of an odd level has no neighbour and is promoted.
            if (is_right || at < last) {
                if (used == path.length()) return false;
                let neighbour = path[used];
                if (!is_hash(&neighbour)) return false;
                hash = if (is_right) node_hash(neighbour, hash) else node_hash(hash, neighbour);
                used += 1;
            };
            at /= 2;
            last /= 2;
        };
        used == path.length() && &hash == root
    }

    /// Whether `left` sorts before `right`: byte by byte, a prefix before what it begins.
    public fun is_less(left: &vector<u8>, right: &vector<u8>): bool {
        let (left_length, right_length) = (left.length(), right.length());
        let index = 0;
        while (index < left_length && index < right_length) {
            let (l, r) = (left[index], right[index]);
            if (l != r) return l < r;
            index += 1;
        };
        left_length < right_length
    }

    spec is_hash {
        aborts_if false;
        ensures result == (len(bytes) == HASH_LENGTH);
    }

    spec verify {
        /// A place outside the tree never passes.
        ensures index >= size ==> !result;
    }

    #[test_only]
    /// The root over leaf hashes in their order.
    public fun root_of(leaves: vector<vector<u8>>): vector<u8> {
        if (leaves.is_empty()) return empty_root();
        while (leaves.length() > 1) leaves = level_above(&leaves);
        leaves[0]
    }

    #[test_only]
    /// The proof for the leaf at `index`.
    public fun path_of(leaves: vector<vector<u8>>, index: u64): vector<vector<u8>> {
        let path = vector[];
        let at = index;
        while (leaves.length() > 1) {
            let neighbour = if (at % 2 == 0) at + 1 else at - 1;
            if (neighbour < leaves.length()) path.push_back(leaves[neighbour]);
            leaves = level_above(&leaves);
            at /= 2;
        };
        path
    }

    #[test_only]
    fun level_above(level: &vector<vector<u8>>): vector<vector<u8>> {
        let above = vector[];
        let index = 0;
        while (index < level.length()) {
            above.push_back(
                if (index + 1 < level.length()) node_hash(level[index], level[index + 1]) else level[index]
            );
            index += 2;
        };
        above
    }
}
