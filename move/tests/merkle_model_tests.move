#[test_only]
/// Every place of every small tree.
module capp::merkle_model_tests {
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
    fun every_leaf_of_every_small_tree_verifies() {
        for (size in 1..18) {
            let l = leaves(size);
            let root = merkle::root_of(l);
            for (i in 0..size) {
                assert!(merkle::verify(l[i], i, size, &merkle::path_of(l, i), &root));
            };
        };
    }

    #[test]
    fun no_leaf_verifies_at_another_place() {
        let l = leaves(7);
        let root = merkle::root_of(l);
        for (i in 0..7) {
            let path = merkle::path_of(l, i);
            for (j in 0..9) {
                if (j != i) assert!(!merkle::verify(l[i], j, 7, &path, &root));
            };
        };
    }
}
