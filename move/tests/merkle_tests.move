#[test_only]
/// Trees and proofs, held against the definition and against what the platform computes off chain.
module capp::merkle_tests {
    use capp::merkle;

    fun leaves(count: u64): vector<vector<u8>> {
        let result = vector[];
        for (i in 0..count) {
            let data = b"leaf ";
            data.push_back((i as u8));
            result.push_back(merkle::leaf_hash(data));
        };
        result
    }

    #[test]
    fun prefixes_tell_leaves_from_nodes() {
        assert!(merkle::leaf_hash(b"") == x"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        let left = merkle::leaf_hash(b"a");
        let right = merkle::leaf_hash(b"b");
        let data = left;
        data.append(right);
        assert!(merkle::leaf_hash(data) != merkle::node_hash(left, right));
    }

    #[test]
    fun the_empty_root_is_the_hash_of_nothing() {
        assert!(merkle::empty_root() == x"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert!(merkle::root_of(vector[]) == merkle::empty_root());
    }

    #[test]
    fun three_leaves_promote_the_odd_one() {
        let l = leaves(3);
        let root = merkle::node_hash(merkle::node_hash(l[0], l[1]), l[2]);
        assert!(merkle::root_of(l) == root);
        assert!(merkle::verify(l[2], 2, 3, &vector[merkle::node_hash(l[0], l[1])], &root));
    }

    #[test]
    fun a_proof_of_another_length_fails() {
        let l = leaves(5);
        let root = merkle::root_of(l);
        let path = merkle::path_of(l, 1);
        let long = path;
        long.push_back(l[0]);
        assert!(!merkle::verify(l[1], 1, 5, &long, &root));
        path.pop_back();
        assert!(!merkle::verify(l[1], 1, 5, &path, &root));
        assert!(!merkle::verify(l[1], 1, 5, &vector[], &root));
    }

    #[test]
    fun a_changed_neighbour_fails() {
        let l = leaves(6);
        let root = merkle::root_of(l);
        let path = merkle::path_of(l, 3);
        for (i in 0..path.length()) {
            let changed = path;
            *changed.borrow_mut(i) = l[5];
            assert!(!merkle::verify(l[3], 3, 6, &changed, &root));
        };
    }

    #[test]
    fun what_is_no_hash_fails() {
        let l = leaves(2);
        let root = merkle::root_of(l);
        assert!(!merkle::verify(x"00", 0, 1, &vector[], &x"00"));
        assert!(!merkle::verify(l[0], 0, 2, &vector[x"01"], &root));
        assert!(!merkle::is_hash(&x"00"));
        assert!(merkle::is_hash(&root));
    }

    #[test]
    fun an_index_outside_the_tree_fails() {
        let l = leaves(1);
        assert!(merkle::verify(l[0], 0, 1, &vector[], &l[0]));
        assert!(!merkle::verify(l[0], 1, 1, &vector[], &l[0]));
        assert!(!merkle::verify(l[0], 0, 0, &vector[], &l[0]));
        assert!(!merkle::verify(l[0], 18446744073709551615, 1, &vector[], &l[0]));
    }

    #[test]
    fun a_tree_of_the_largest_size_is_no_loop() {
        let l = leaves(1);
        assert!(!merkle::verify(l[0], 18446744073709551614, 18446744073709551615, &vector[], &l[0]));
    }

    #[test]
    fun bytes_sort_like_words() {
        assert!(merkle::is_less(&b"a", &b"b"));
        assert!(!merkle::is_less(&b"b", &b"a"));
        assert!(!merkle::is_less(&b"a", &b"a"));
        assert!(merkle::is_less(&b"a", &b"aa"));
        assert!(!merkle::is_less(&b"aa", &b"a"));
        assert!(merkle::is_less(&b"", &b"a"));
        assert!(merkle::is_less(&x"00ff", &x"0100"));
    }
}
