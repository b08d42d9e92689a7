#[test_only]
/// An asset of which less arrives than was sent. Only the double of the framework plays one: these tests are not for the Aptos CLI.
module capp::taxed_tests {
    use aptos_framework::fungible_asset::{Self, Metadata};
    use aptos_framework::object::{Self, Object};
    use aptos_framework::primary_fungible_store;
    use capp::fixture::{alice, settler};
    use capp::settlement::{Self as batches, Batch};
    use capp::settlement_tests;

    const ID: vector<u8> = x"0190a0b0000070008000000000000001";

    /// From now on a unit is lost of whatever is put into the batch.
    fun tax(batch: Object<Batch>, asset: Object<Metadata>, units: u64) {
        let at = object::object_address(&batch);
        fungible_asset::tax_deposits(primary_fungible_store::ensure_primary_store_exists(at, asset), units);
    }

    #[test]
    #[expected_failure(abort_code = 0x30031, location = capp::settlement)]
    fun a_batch_is_not_funded_by_less_than_its_total() {
        let (batch, asset) = settlement_tests::proposed();
        tax(batch, asset, 1);
        batches::fund(&alice(), batch);
    }

    #[test]
    fun what_lies_there_already_does_not_stand_for_what_is_missing() {
        let (batch, asset) = settlement_tests::proposed();
        let at = object::object_address(&batch);
        primary_fungible_store::transfer(&alice(), asset, at, 1);
        batches::fund(&alice(), batch);
        let (total, is_funded) = batches::funding(batch);
        assert!(is_funded && primary_fungible_store::balance(at, asset) == total + 1);
    }

    #[test]
    #[expected_failure(abort_code = 0x30031, location = capp::settlement)]
    fun what_lies_there_already_does_not_make_up_for_a_tax() {
        let (batch, asset) = settlement_tests::proposed();
        let at = object::object_address(&batch);
        primary_fungible_store::transfer(&alice(), asset, at, 1);
        tax(batch, asset, 1);
        batches::fund(&alice(), batch);
    }

    #[test]
    #[expected_failure(abort_code = 0x30031, location = capp::settlement)]
    fun a_pool_funds_a_batch_in_full_or_not_at_all() {
        let (batch, pool, asset) = settlement_tests::from_pool();
        tax(batch, asset, 6000);
        batches::fund_from_pool(&settler(), batch, pool, ID);
    }
}
