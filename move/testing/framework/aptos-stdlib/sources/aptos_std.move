/// Doubles of `aptos_std` for unit tests: only what the contracts and their tests call.
module aptos_std::table {
    /// The entries live with the virtual machine, under the handle.
    struct Table<phantom Key: copy + drop, phantom Value> has store {
        handle: address
    }

    struct Box<Value> has key, drop, store {
        val: Value
    }

    public fun new<Key: copy + drop, Value: store>(): Table<Key, Value> {
        Table { handle: new_table_handle<Key, Value>() }
    }

    public fun add<Key: copy + drop, Value>(self: &mut Table<Key, Value>, key: Key, val: Value) {
        add_box<Key, Value, Box<Value>>(self, key, Box { val })
    }

    public fun borrow<Key: copy + drop, Value>(self: &Table<Key, Value>, key: Key): &Value {
        &borrow_box<Key, Value, Box<Value>>(self, key).val
    }

    public fun borrow_mut<Key: copy + drop, Value>(self: &mut Table<Key, Value>, key: Key): &mut Value {
        &mut borrow_box_mut<Key, Value, Box<Value>>(self, key).val
    }

    public fun contains<Key: copy + drop, Value>(self: &Table<Key, Value>, key: Key): bool {
        contains_box<Key, Value, Box<Value>>(self, key)
    }

    native fun new_table_handle<Key, Value>(): address;
    native fun add_box<Key: copy + drop, Value, B>(table: &mut Table<Key, Value>, key: Key, val: Box<Value>);
    native fun borrow_box<Key: copy + drop, Value, B>(table: &Table<Key, Value>, key: Key): &Box<Value>;
    native fun borrow_box_mut<Key: copy + drop, Value, B>(table: &mut Table<Key, Value>, key: Key): &mut Box<Value>;
    native fun contains_box<Key: copy + drop, Value, B>(table: &Table<Key, Value>, key: Key): bool;
    native fun remove_box<Key: copy + drop, Value, B>(table: &mut Table<Key, Value>, key: Key): Box<Value>;
    native fun drop_unchecked_box<Key: copy + drop, Value, B>(table: Table<Key, Value>);
}

module aptos_std::from_bcs {
    public fun to_address(bytes: vector<u8>): address {
        from_bytes<address>(bytes)
    }

    native fun from_bytes<Value>(bytes: vector<u8>): Value;
}
